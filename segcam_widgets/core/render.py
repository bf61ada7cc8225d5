"""From numbers to pixels: signed maps, labels, outlines. Views and files draw with this; nothing here changes a number."""

from segcam_widgets.core.colours import class_colours as class_colours, diverging_lut as diverging_lut
