// The widget: connects the model that Python keeps in step with the scene, a tool bar and the keyboard.
import style from "./hands.css";
import { HandsScene } from "./scene.js";

const SHOWN = ["both", "surface", "skeleton"];
const STEP = Math.PI / 18;
const HELP = "Arrow keys turn, + and - zoom, Home resets, N and P go through the joints, Escape lets go. On a touch screen, tap first.";

const floats = (view) => new Float32Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
const integers = (view) => new Uint32Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
const bytes = (view) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);

function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

function jointLabel(model, joint) {
  const names = model.get("joint_names");
  return `${model.get("sides")[Math.floor(joint / names.length)]} ${names[joint % names.length]}`;
}

function makeScene(model, canvas) {
  const sides = model.get("sides");
  const joints = model.get("joint_names").length;
  const indices = integers(model.get("_faces"));
  return new HandsScene(canvas, {
    colours: model.get("hand_colours").map(([surface, skeleton]) => ({ surface, skeleton })),
    highlight: model.get("highlight_colour"),
    bones: model.get("bones"),
    faces: sides.map((_, hand) => indices.slice((hand * indices.length) / sides.length, ((hand + 1) * indices.length) / sides.length)),
    verticesPerHand: model.get("_vertices").byteLength / 12 / sides.length,
    jointsPerHand: joints,
  });
}

function makeBar(model, scene, set) {
  const toggles = element("span", { class: "handlib-toggles", role: "group", "aria-label": "what is shown" });
  for (const shown of SHOWN) {
    const button = element("button", { type: "button", "data-shown": shown }, shown);
    button.addEventListener("click", () => set("shown", shown));
    toggles.append(button);
  }
  const reset = element("button", { type: "button" }, "reset view");
  reset.addEventListener("click", () => scene.resetView());
  const select = element("select", { "aria-label": "picked joint" }, element("option", { value: -1 }, "pick a joint"));
  model.get("sides").forEach((side, hand) => {
    const group = element("optgroup", { label: side });
    model.get("joint_names").forEach((_, i) => {
      const joint = hand * model.get("joint_names").length + i;
      group.append(element("option", { value: joint }, jointLabel(model, joint)));
    });
    select.append(group);
  });
  select.addEventListener("change", () => set("picked", Number(select.value)));
  const legend = model.get("sides").map((side, hand) => {
    const swatch = element("span", { class: "handlib-swatch", style: `background:${model.get("hand_colours")[hand][1]}` });
    return element("span", {}, swatch, `${side} hand`);
  });
  const caption = element("span", { class: "handlib-caption" });
  const status = element("div", { class: "handlib-status", role: "status", "aria-live": "polite" });
  const bar = element("div", { class: "handlib-bar" }, toggles, reset, select, ...legend, caption, status);
  return { bar, toggles, select, legend, caption, status };
}

// JupyterLab listens to the whole document first and would take single keys for its own (x cuts the cell), so
// the view listens before it, at the window. Chords such as Ctrl+S and Shift+Enter stay the notebook's.
function listenToKeys(root, canvas, model, scene, set) {
  const joints = model.get("sides").length * model.get("joint_names").length;
  const actions = {
    ArrowLeft: () => scene.turn(-STEP, 0),
    ArrowRight: () => scene.turn(STEP, 0),
    ArrowUp: () => scene.turn(0, -STEP),
    ArrowDown: () => scene.turn(0, STEP),
    "+": () => scene.turn(0, 0, 0.9),
    "=": () => scene.turn(0, 0, 0.9),
    "-": () => scene.turn(0, 0, 1 / 0.9),
    Home: () => scene.resetView(),
    n: () => set("picked", (model.get("picked") + 1) % joints),
    p: () => set("picked", (Math.max(model.get("picked"), 0) + joints - 1) % joints),
    Escape: () => set("picked", -1),
  };
  const onKey = (event) => {
    const chord = event.ctrlKey || event.metaKey || event.altKey || (event.shiftKey && event.key === "Enter");
    if (!root.contains(event.target) || chord || event.key === "Tab") return;
    event.stopPropagation();
    if (event.target !== canvas || !(event.key in actions)) return;
    event.preventDefault();
    actions[event.key]();
  };
  window.addEventListener("keydown", onKey, true);
  return () => window.removeEventListener("keydown", onKey, true);
}

function listenToPointer(canvas, tip, model, scene, set) {
  const place = (event) => [event.clientX - canvas.getBoundingClientRect().left, event.clientY - canvas.getBoundingClientRect().top];
  let pressed = null;
  canvas.addEventListener("pointerdown", (event) => (pressed = place(event)));
  canvas.addEventListener("pointerup", (event) => {
    const [x, y] = place(event);
    if (pressed && Math.hypot(x - pressed[0], y - pressed[1]) < 4) {
      canvas.focus({ preventScroll: true });
      set("picked", scene.jointNear(x, y));
    }
    pressed = null;
  });
  // Up and down, a finger scrolls the page over the view until a tap gives the view the focus.
  canvas.style.touchAction = "pan-y";
  canvas.addEventListener("focus", () => (canvas.style.touchAction = "none"));
  canvas.addEventListener("blur", () => (canvas.style.touchAction = "pan-y"));
  const hover = (joint, x = 0, y = 0) => {
    tip.hidden = joint < 0;
    canvas.style.cursor = joint < 0 ? "grab" : "pointer";
    if (joint >= 0) {
      tip.textContent = jointLabel(model, joint);
      tip.style.left = `${x + 14}px`;
      tip.style.top = `${y + 6}px`;
    }
    if (joint !== model.get("hover")) set("hover", joint);
  };
  canvas.addEventListener("pointermove", (event) => {
    const [x, y] = place(event);
    hover(model.get("shown") === "surface" ? -1 : scene.jointNear(x, y), x, y);
  });
  canvas.addEventListener("pointerleave", () => hover(-1));
}

function statusText(model, scene) {
  const picked = model.get("picked");
  if (picked < 0) return HELP;
  const [x, y, z] = scene.joints[picked].toArray().map((metres) => (1000 * metres).toFixed(0));
  return `${jointLabel(model, picked)}: x ${x}, y ${y}, z ${z} mm`;
}

function render({ model, el }) {
  const set = (name, value) => {
    model.set(name, value);
    model.save_changes();
  };
  const root = element("div", { class: "handlib-hands", role: "group", "aria-label": "3D view of hands" });
  el.append(root);
  const canvas = element("canvas", { tabindex: 0, role: "img", "aria-label": `${model.get("description")}. ${HELP}` });
  canvas.style.height = `${model.get("height")}px`;
  root.append(element("style", {}, style), canvas);
  let scene;
  try {
    scene = makeScene(model, canvas);
  } catch (error) {
    root.append(element("p", { role: "alert" }, `This browser could not open a 3D view (WebGL): ${error.message}`));
    return undefined;
  }
  const tip = element("div", { class: "handlib-tip", hidden: "" });
  const { bar, toggles, select, legend, caption, status } = makeBar(model, scene, set);
  root.append(tip, bar);

  const showGeometry = () => scene.setGeometry(floats(model.get("_vertices")), floats(model.get("_joints")));
  const bytesOrNull = (name) => (model.get(name).byteLength ? bytes(model.get(name)) : null);
  const showLegend = () => {
    const ownColours = model.get("_colours").byteLength > 0 && model.get("shown") === "surface";
    for (const hand of legend) hand.hidden = ownColours;
  };
  const showColours = () => {
    scene.setColours(bytesOrNull("_colours"));
    showLegend();
  };
  const showJointColours = () => scene.setJointColours(bytesOrNull("_joint_colours"));
  const showLinks = () => scene.setLinks(floats(model.get("_links")));
  const showOpacity = () => scene.setSurfaceOpacity(model.get("surface_opacity"));
  const showFraming = () => scene.frame(model.get("framing"));
  const showStatus = () => (status.textContent = statusText(model, scene));
  const showCaption = () => (caption.textContent = model.get("caption"));
  const showShown = () => {
    scene.setShown(model.get("shown"));
    showLegend();
    for (const button of toggles.children) button.setAttribute("aria-pressed", button.dataset.shown === model.get("shown"));
  };
  const showPicked = () => {
    scene.setPicked(model.get("picked"));
    select.value = model.get("picked");
    showStatus();
  };
  const moved = () => {
    showGeometry();
    showStatus();
  };
  // Vertices and joints arrive in one message but tell of it one by one.
  let waiting = false;
  const movedSoon = () => {
    if (!waiting) queueMicrotask(() => ((waiting = false), moved()));
    waiting = true;
  };
  const reactions = {
    "change:_vertices": movedSoon,
    "change:_joints": movedSoon,
    "change:_colours": showColours,
    "change:_joint_colours": showJointColours,
    "change:_links": showLinks,
    "change:surface_opacity": showOpacity,
    "change:framing": showFraming,
    "change:shown": showShown,
    "change:picked": showPicked,
    "change:caption": showCaption,
  };
  for (const [event, reaction] of Object.entries(reactions)) model.on(event, reaction);

  const observer = new ResizeObserver(() => scene.resize(canvas.clientWidth, canvas.clientHeight));
  observer.observe(canvas);
  scene.resize(canvas.clientWidth || 600, canvas.clientHeight || model.get("height"));
  moved();
  showColours();
  showJointColours();
  showLinks();
  showOpacity();
  showFraming();
  showShown();
  showPicked();
  showCaption();
  const stopKeys = listenToKeys(root, canvas, model, scene, set);
  listenToPointer(canvas, tip, model, scene, set);

  // What browser tests ask: where a joint is on the page, what was drawn.
  root.handlib = {
    jointOnPage: (i) => {
      const box = canvas.getBoundingClientRect();
      const [x, y] = scene.jointOnCanvas(i);
      return [box.left + x, box.top + y];
    },
    vertex: (hand, i) => Array.from(scene.surfaces[hand].geometry.attributes.position.array.slice(3 * i, 3 * i + 3)),
    jointColour: (i) => scene.jointColour(i),
    linkCount: () => scene.links.length,
    link: (i) => [scene.links[i].a, scene.links[i].b, scene.links[i].width],
    surfaceOpacity: () => scene.surfaces[0].material.opacity,
    eye: () => scene.camera.position.toArray(),
    framesDrawn: () => scene.framesDrawn,
  };
  return () => {
    for (const [event, reaction] of Object.entries(reactions)) model.off(event, reaction);
    observer.disconnect();
    stopKeys();
    scene.dispose();
  };
}

export default { render };
