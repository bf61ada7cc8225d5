// The module that anywidget loads: called once for each model, renders any number of views of it.

import { createHistory } from "./history.js";
import { createView } from "./view.js";

/** @import { CanvasTraits, Widget } from "./types.d.ts" */

/** @type {() => Widget<CanvasTraits>} */
export default () => {
  const history = createHistory();
  return {
    initialize({ model }) {
      history.attach(model);
      return () => history.detach();
    },
    render: ({ model, el }) => createView(history, model, el),
  };
};
