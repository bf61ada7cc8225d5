// The module that anywidget loads: called once for each model, renders any number of views of it.

import { createHistory } from "./history.js";
import { createView } from "./view.js";

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
