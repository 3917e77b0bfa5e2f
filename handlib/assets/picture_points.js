// A picture with points that can be dragged (mouse, pen, touch) or moved by arrow keys. Plain ESM, no build step.
// Points are uv: -1 to 1 over the picture, x right, y down; the margin around the picture is in the same units.

const STYLE = `
.handlib-points { box-sizing: border-box; min-width: 200px; font: 13px/1.4 system-ui, sans-serif; }
.handlib-points-stage { position: relative; width: 100%; background: #e4e4e4; outline: 1px solid #ccc; overflow: hidden; user-select: none; }
.handlib-points-stage img { position: absolute; display: block; pointer-events: none; }
.handlib-point { position: absolute; width: 24px; height: 24px; margin: -12px 0 0 -12px; padding: 0; border: 0; border-radius: 50%; background: none; cursor: grab; touch-action: none; }
.handlib-point::before { content: ""; position: absolute; inset: 5px; border-radius: 50%; background: var(--colour); border: 2px solid #fff; box-shadow: 0 0 0 1px #222; }
.handlib-point[aria-pressed="true"] { z-index: 1; }
.handlib-point:active { cursor: grabbing; }
.handlib-point:focus-visible { outline: 3px solid #cc3377; outline-offset: -1px; }
.handlib-point span { position: absolute; left: 22px; top: 2px; padding: 0 5px; background: rgba(30, 30, 30, 0.88); color: #fff; border-radius: 3px; white-space: nowrap; pointer-events: none; font: inherit; }
.handlib-point.handlib-leftward span { left: auto; right: 22px; }
.handlib-many .handlib-point span { display: none; }
.handlib-many .handlib-point:is(:hover, :focus, :active) span { display: block; }
.handlib-points-status { min-height: 1.4em; padding: 2px 0; }
`;
const FEW = 4;
const HELP = "Drag a point, or focus it and press arrow keys (with Shift: ten times as far).";
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

function render({ model, el }) {
  const stage = element("div", { class: "handlib-points-stage" });
  const picture = element("img", { draggable: "false" });
  const status = element("div", { class: "handlib-points-status", role: "status", "aria-live": "polite" }, HELP);
  const root = element("div", { class: "handlib-points", role: "group", "aria-label": "picture with points to move" });
  root.append(element("style", {}, STYLE), stage, status);
  stage.append(picture);
  el.append(root);

  const reach = () => 1 + model.get("margin");
  const within = (x) => Math.min(reach(), Math.max(-reach(), x));
  const share = (x) => (x + reach()) / (2 * reach());
  const said = (i) => {
    const [u, v] = model.get("points")[i].map((x) => (Math.round(100 * x) / 100 + 0).toFixed(2));
    return `${model.get("labels")[i]}: u ${u}, v ${v}`;
  };
  let buttons = [];
  let url = null;

  // The picture follows the pointer at once; the kernel hears of it once per frame.
  let saving = 0;
  const save = () => {
    saving = 0;
    model.save_changes();
  };
  const saveSoon = () => (saving ||= requestAnimationFrame(save));
  const pick = (i) => {
    if (model.get("picked") === i) return;
    model.set("picked", i);
    saveSoon();
  };
  const move = (i, u, v) => {
    const points = model.get("points").map((point) => [...point]);
    points[i] = [within(u), within(v)];
    model.set("points", points);
    model.set("picked", i);
    saveSoon();
  };

  const place = () => {
    const points = model.get("points");
    buttons.forEach((button, i) => {
      button.style.left = `${100 * share(points[i][0])}%`;
      button.style.top = `${100 * share(points[i][1])}%`;
      button.classList.toggle("handlib-leftward", points[i][0] > 0.3);
      button.setAttribute("aria-label", said(i));
    });
    showStatus();
  };
  const showStatus = () => {
    const picked = model.get("picked");
    buttons.forEach((button, i) => button.setAttribute("aria-pressed", i === picked));
    status.textContent = buttons[picked] ? said(picked) : HELP;
  };

  const makePoint = (i) => {
    const label = element("span", { "aria-hidden": "true" });
    const button = element("button", { type: "button", class: "handlib-point", "aria-description": HELP }, label);
    let grip = null;
    const at = (event) => {
      const box = stage.getBoundingClientRect();
      return [
        ((event.clientX - box.left) / box.width) * 2 * reach() - reach(),
        ((event.clientY - box.top) / box.height) * 2 * reach() - reach(),
      ];
    };
    button.addEventListener("pointerdown", (event) => {
      const [u, v] = model.get("points")[i];
      const [x, y] = at(event);
      grip = [u - x, v - y];
      button.setPointerCapture(event.pointerId);
      button.focus();
      pick(i);
    });
    button.addEventListener("pointermove", (event) => {
      if (!grip) return;
      const [x, y] = at(event);
      move(i, x + grip[0], y + grip[1]);
    });
    for (const end of ["pointerup", "pointercancel"]) button.addEventListener(end, () => (grip = null));
    button.addEventListener("focus", () => pick(i));
    return button;
  };

  const showPoints = () => {
    const count = model.get("points").length;
    if (buttons.length !== count) {
      for (const button of buttons) button.remove();
      buttons = Array.from({ length: count }, (_, i) => makePoint(i));
      stage.append(...buttons);
      stage.classList.toggle("handlib-many", count > FEW);
    }
    buttons.forEach((button, i) => {
      button.style.setProperty("--colour", model.get("colours")[i]);
      button.firstChild.textContent = model.get("labels")[i];
    });
    place();
  };
  const showPicture = () => {
    if (url) URL.revokeObjectURL(url);
    url = URL.createObjectURL(new Blob([model.get("_picture")], { type: "image/png" }));
    picture.src = url;
    picture.alt = model.get("description");
    stage.style.aspectRatio = String(model.get("aspect"));
    const inset = `${100 * share(-1)}%`;
    Object.assign(picture.style, { left: inset, top: inset, width: `${100 / reach()}%`, height: `${100 / reach()}%` });
    root.style.width = "100%";
    root.style.maxWidth = `${model.get("width")}px`;
  };

  // JupyterLab listens to the whole document first and would take single keys for its own (x cuts the cell), so
  // the points listen before it, at the window. Chords such as Ctrl+S and Shift+Enter stay the notebook's.
  const onKey = (event) => {
    const chord = event.ctrlKey || event.metaKey || event.altKey || (event.shiftKey && event.key === "Enter");
    const i = buttons.indexOf(event.target);
    if (i < 0 || chord || event.key === "Tab") return;
    event.stopPropagation();
    if (!(event.key in MOVES)) return;
    event.preventDefault();
    const step = model.get("step") * (event.shiftKey ? 10 : 1);
    const [du, dv] = MOVES[event.key];
    const [u, v] = model.get("points")[i];
    move(i, u + du * step, v + dv * step);
  };
  window.addEventListener("keydown", onKey, true);

  const reactions = {
    "change:points": showPoints,
    "change:labels": showPoints,
    "change:colours": showPoints,
    "change:picked": showStatus,
    "change:_picture": showPicture,
  };
  for (const [event, reaction] of Object.entries(reactions)) model.on(event, reaction);
  showPicture();
  showPoints();

  // What browser tests ask: where a point is on the page, and its uv.
  root.handlib = {
    pointOnPage: (i) => {
      const box = buttons[i].getBoundingClientRect();
      return [box.left + box.width / 2, box.top + box.height / 2];
    },
    point: (i) => [...model.get("points")[i]],
    pictureLoaded: () => picture.complete && picture.naturalWidth > 0,
  };
  return () => {
    for (const [event, reaction] of Object.entries(reactions)) model.off(event, reaction);
    window.removeEventListener("keydown", onKey, true);
    cancelAnimationFrame(saving);
    if (url) URL.revokeObjectURL(url);
  };
}

export default { render };
