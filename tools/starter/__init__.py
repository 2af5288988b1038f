"""The starter model: the scenes it is trained on, its training, its export and its evaluation."""
