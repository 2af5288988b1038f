"""Never comes back from its import, as one that waits for a server that isn't there."""

import os
import time

time.sleep(float(os.environ.get("EASEL_TEST_SLEEP", "3600")))
