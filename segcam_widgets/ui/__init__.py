"""What is seen in the notebook. The only room that knows ipywidgets, bqplot and anywidget; it computes nothing."""
