"""In which language a page speaks: whom it hears (`choice`), words of the catalog (`catalog`), dates (`formats`).

Pages and mail are translated; what programs read stays English. docs/languages.md tells how a deployment adds its own.
"""
