"""`modules.import_hook` of the older UI: it kept some packages from being imported. Nothing is to be done here."""
