// Recorded widgets: the 3D view's own JavaScript, fed with frames instead of by a kernel. Each
// <div class="recorded" data-recorded="NAME"> holds a picture, which stays where this can't run and on paper.
"use strict";

const handsRecorded = {};

(() => {
  const folder = new URL("recorded/", document.currentScript.src);

  async function unpack(base64) {
    const packed = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    return JSON.parse(await new Response(stream).text());
  }

  // A recording is a script rather than a data file so that the book also works from a folder, without a server.
  function load(name) {
    return new Promise((resolve, reject) => {
      handsRecorded[name] = (base64) => unpack(base64).then(resolve, reject);
      const script = document.createElement("script");
      script.src = new URL(`${name}.js`, folder);
      script.onerror = () => reject(new Error(`${script.src} can't be read`));
      document.head.append(script);
    });
  }

  // What anywidget's model is to a view: values by name, and who wants to know of their changes.
  class Model {
    constructor(values) {
      this.values = values;
      this.listeners = new Map();
    }

    get(name) {
      return this.values[name];
    }

    set(name, value) {
      if (this.values[name] === value) return;
      this.values[name] = value;
      for (const listener of this.listeners.get(`change:${name}`) ?? []) listener();
    }

    save_changes() {}

    on(event, listener) {
      if (!this.listeners.has(event)) this.listeners.set(event, new Set());
      this.listeners.get(event).add(listener);
    }

    off(event, listener) {
      this.listeners.get(event)?.delete(listener);
    }
  }

  function element(tag, attributes = {}, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    node.append(...children);
    return node;
  }

  class Recording {
    constructor(stored) {
      this.stored = stored;
      this.bytes = stored.buffers.map((text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0)));
    }

    // Coordinates are kept as whole steps from an origin; the view wants metres.
    metres(number) {
      const { buffer } = this.bytes[number];
      const { origin, step } = this.stored;
      return new DataView(Float32Array.from(new Int16Array(buffer), (steps, i) => origin[i % 3] + step * steps).buffer);
    }

    faces() {
      return new DataView(Uint32Array.from(new Uint16Array(this.bytes[this.stored.faces].buffer)).buffer);
    }

    values(frame) {
      return {
        _vertices: this.metres(frame.vertices),
        _joints: this.metres(frame.joints),
        _colours: new DataView(this.bytes[frame.colours].buffer),
        _joint_colours: new DataView(this.bytes[frame.joint_colours].buffer),
        _links: new DataView(this.bytes[frame.links].buffer),
      };
    }

    picture(frame) {
      return URL.createObjectURL(new Blob([this.bytes[frame.picture]], { type: "image/webp" }));
    }
  }

  // A row with a name, a slider and what the slider's position is called.
  function makeSlider(control, position, moved) {
    const slider = element("input", { type: "range", min: 0, max: control.labels.length - 1, step: 1, value: position });
    const output = element("output", { "aria-hidden": "true" });
    const show = (at) => {
      slider.value = at;
      slider.setAttribute("aria-valuetext", control.labels[at]);
      output.textContent = control.labels[at];
    };
    slider.addEventListener("input", () => moved(Number(slider.value)));
    show(position);
    return { row: element("label", {}, element("span", {}, control.name), slider, output), show };
  }

  async function enliven(place) {
    const recording = new Recording(await load(place.dataset.recorded));
    const { stored } = recording;
    const positions = stored.controls.map((control) => control.start);
    const start = [...positions];
    const frame = () => stored.frames[positions.join()];
    const model = new Model({ ...stored.state, _faces: recording.faces(), ...recording.values(frame()) });

    const words = element("p", { class: "recorded-words", "aria-live": "polite" });
    const picture = stored.picture_size && element("img", { class: "recorded-picture dark-light", alt: "" });
    if (picture) [picture.width, picture.height] = stored.picture_size;

    const show = () => {
      for (const [name, value] of Object.entries(recording.values(frame()))) model.set(name, value);
      words.replaceChildren(...frame().words.map((text) => element("span", {}, text.replace(/<[^>]*>/g, ""))));
      if (picture) {
        URL.revokeObjectURL(picture.src);
        picture.src = recording.picture(frame());
        picture.alt = frame().words[0] ?? "";
      }
      sliders.forEach((slider, k) => slider?.show(positions[k]));
    };
    // Where a combination wasn't recorded, the other controls go back to where they started.
    const move = (k, position) => {
      positions[k] = position;
      if (!frame()) positions.forEach((_, other) => other !== k && (positions[other] = start[other]));
      show();
    };
    const sliders = stored.controls.map((control, k) =>
      control.name === "picked" ? null : makeSlider(control, positions[k], (position) => move(k, position)),
    );
    const picked = stored.controls.findIndex((control) => control.name === "picked");
    if (picked >= 0) model.on("change:picked", () => model.get("picked") >= 0 && move(picked, model.get("picked")));

    const controls = element("div", { class: "recorded-controls" }, ...sliders.filter(Boolean).map((slider) => slider.row));
    const view = element("div", { class: "recorded-view" });
    const live = element("div", { class: "recorded-live" }, controls, words);
    live.append(element("div", { class: "recorded-scene" }, ...(picture ? [picture] : []), view));
    place.append(live);
    show();
    window.handsView.render({ model, el: view });
    place.classList.add("is-live");
  }

  // A browser keeps only some 3D views at a time, so each is made when its place comes near.
  document.addEventListener("DOMContentLoaded", () => {
    const watcher = new IntersectionObserver(
      (entries) => {
        for (const { isIntersecting, target } of entries) {
          if (!isIntersecting) continue;
          watcher.unobserve(target);
          enliven(target).catch((error) => console.error(`recorded widget ${target.dataset.recorded}:`, error));
        }
      },
      { rootMargin: "400px" },
    );
    for (const place of document.querySelectorAll(".recorded")) watcher.observe(place);
  });
})();
