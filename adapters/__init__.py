"""Registration backends, one module each, behind one interface."""
