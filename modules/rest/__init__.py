"""FastAPI routes: `/sdapi/v1` for programs, `/easel` for the page, and the middleware before both."""
