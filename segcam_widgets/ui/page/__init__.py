"""The page around the widgets: styles, HTML, a busy indicator, what happens when a cell runs again."""
