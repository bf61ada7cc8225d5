"""The widgets: the only room that knows ipywidgets, bqplot and anywidget."""
