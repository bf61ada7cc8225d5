// A button that puts a text on the clipboard, and shows it where the clipboard is out of reach (no https, no permission).

/** @import { Widget } from "../../canvas/static/types.d.ts" */
/** @typedef {{ title: string, text: string }} CopyTraits */

/**
 * @param {string} text
 * @returns {Promise<boolean>}
 */
async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

/** @type {Widget<CopyTraits>} */
export default {
  render({ model, el }) {
    el.classList.add("segcam-copy");
    const button = document.createElement("button");
    button.type = "button";
    button.className = "jupyter-button segcam-copy-button";
    const box = document.createElement("textarea");
    box.readOnly = true;
    box.hidden = true;
    box.setAttribute("aria-label", "Code of this view");
    const said = document.createElement("span");
    said.setAttribute("role", "status");
    el.append(button, said, box);

    const refresh = () => {
      button.textContent = model.get("title");
      box.value = model.get("text");
      box.rows = Math.min(14, box.value.split("\n").length + 1);
      said.textContent = "";
    };
    button.addEventListener("click", async () => {
      box.hidden = false;
      said.textContent = (await copied(box.value)) ? " copied" : " select and copy:";
      if (said.textContent !== " copied") box.select();
    });
    model.on("change:text change:title", refresh);
    refresh();
    return () => model.off("change:text change:title", refresh);
  },
};
