"""Where image pairs come from: fetched, prepared and loaded behind one interface."""
