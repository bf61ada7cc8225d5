// The browser's half of a widget without Jupyter: models that speak ipywidgets' protocol to the test's Python.
// `toKernel(id, state)` is provided by the test; it answers with the messages that Python sent meanwhile.
import lifecycle from "/widget.js";

const decode = (text) => new DataView(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);
const same = (a, b) => a === b || (!hasBytes(a) && !hasBytes(b) && JSON.stringify(a) === JSON.stringify(b));
const hasBytes = (value) =>
  value instanceof DataView || (value && typeof value === "object" && Object.values(value).some(hasBytes));

/** Put binary buffers back where `buffer_paths` says, as ipywidgets does. */
function assemble({ state, buffer_paths: paths, buffers }) {
  paths.forEach((path, i) => {
    const last = path.at(-1);
    const parent = path.slice(0, -1).reduce((at, key) => at[key], state);
    parent[last] = decode(buffers[i]);
  });
  return state;
}

class Model {
  constructor(id, message) {
    this.id = id;
    this.state = assemble(message);
    this.listeners = new Map();
    this.unsent = {};
    this.pending = false;
    this.sent = [];
    this.delay = 0;
  }
  get(name) {
    return this.state[name];
  }
  set(name, value) {
    if (!same(this.state[name], value)) this.unsent[name] = value;
    this.change({ [name]: value });
  }
  /** Like Backbone: all values are in place before the first listener hears of one. */
  change(values) {
    const changed = Object.keys(values).filter((name) => !same(this.state[name], values[name]));
    for (const name of changed) this.state[name] = values[name];
    for (const name of changed) for (const listener of [...(this.listeners.get(`change:${name}`) ?? [])]) listener();
  }
  on(names, listener) {
    for (const name of names.split(" ")) {
      if (!this.listeners.has(name)) this.listeners.set(name, new Set());
      this.listeners.get(name).add(listener);
    }
  }
  off(names, listener) {
    for (const name of names.split(" ")) this.listeners.get(name)?.delete(listener);
  }
  /** Like ipywidgets: one message in flight, what changes meanwhile goes together into the next. */
  async save_changes() {
    if (this.pending || !Object.keys(this.unsent).length) return;
    const state = this.unsent;
    this.unsent = {};
    this.pending = true;
    this.sent.push(structuredClone(state));
    if (this.delay) await new Promise((done) => setTimeout(done, this.delay));
    for (const [id, message] of await window.toKernel(this.id, state)) window.harness.receive(id, message);
    this.pending = false;
    this.save_changes();
  }
  listening() {
    return [...this.listeners.values()].reduce((sum, some) => sum + some.size, 0);
  }
}

window.harness = {
  models: {},
  cleanups: {},
  async open(id, message) {
    const model = (this.models[id] = new Model(id, message));
    model.lifecycle = await lifecycle();
    model.destroy = await model.lifecycle.initialize({ model });
  },
  async show(id, view, style) {
    const el = document.createElement("div");
    el.id = view;
    el.style.cssText = style;
    document.getElementById("views").append(el);
    this.cleanups[view] = await this.models[id].lifecycle.render({ model: this.models[id], el });
  },
  async remove(view) {
    await this.cleanups[view]();
    document.getElementById(view).remove();
  },
  receive(id, message) {
    this.models[id].change(assemble(message));
  },
  idle() {
    return Object.values(this.models).every((model) => !model.pending && !Object.keys(model.unsent).length);
  },
};
document.body.dataset.ready = "true";
