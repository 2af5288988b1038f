"""The version of Easel."""

VERSION = "0.1.0"
