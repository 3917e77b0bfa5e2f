// A picture of the reader's own: a file, or from the camera, which a button opens. Plain ESM, no build step.
// The camera is shut after the picture, on request, and when the widget goes away; nothing leaves the kernel.
// Pictures are sent in pieces: Jupyter's server closes the connection on a message of more than 10 MiB.

const STYLE = `
.handlib-source { font: 13px/1.4 system-ui, sans-serif; color: var(--jp-ui-font-color1, #222); }
.handlib-source [hidden] { display: none; }
.handlib-source button { font: inherit; margin: 2px 6px 2px 0; padding: 3px 10px; border: 1px solid #767676; border-radius: 3px; background: #f2f2f2; color: #222; cursor: pointer; }
.handlib-source button:focus-visible { outline: 3px solid #cc3377; outline-offset: 1px; }
.handlib-source video { display: block; width: 380px; max-width: 100%; margin: 4px 0; background: #000; }
`;
const REFUSED = {
  NotAllowedError: "The browser may not use the camera. Allow it beside the address, or upload a picture.",
  NotFoundError: "No camera was found. Upload a picture instead.",
  NotReadableError: "Another program is using the camera. Close it there, or upload a picture.",
};
const NOWHERE = "No camera can be used on this page: it needs https or localhost. Upload a picture instead.";

const PIECE = 4 * 2 ** 20;
const megabytes = (bytes) => Math.ceil(bytes / 1e5) / 10;

function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

function render({ model, el }) {
  const largest = model.get("largest");
  const upload = element("button", { type: "button" }, `upload a picture (at most ${megabytes(largest)} MB)`);
  const file = element("input", { type: "file", accept: "image/*", hidden: "" });
  const open = element("button", { type: "button" }, "use the camera");
  const take = element("button", { type: "button", hidden: "" }, "take the picture");
  const close = element("button", { type: "button", hidden: "" }, "close the camera");
  const video = element("video", { hidden: "", playsinline: "", "aria-label": "what the camera sees, not mirrored" });
  const status = element("span", { role: "status", "aria-live": "polite" });
  const root = element("div", { class: "handlib-source", role: "group", "aria-label": "your picture" });
  root.append(element("style", {}, STYLE), upload, file, open, take, close, status, video);
  el.append(root);
  video.muted = true;

  const send = async (name, blob) => {
    const count = Math.max(1, Math.ceil(blob.size / PIECE));
    for (let piece = 0; piece < count; piece++) {
      const content = await blob.slice(piece * PIECE, (piece + 1) * PIECE).arrayBuffer();
      model.send({ name, piece, count }, undefined, [content]);
    }
  };

  upload.addEventListener("click", () => file.click());

  file.addEventListener("change", async () => {
    const [chosen] = file.files;
    file.value = "";
    if (!chosen) return;
    status.textContent = "";
    if (chosen.size > largest) {
      status.textContent = `${chosen.name}: expected at most ${megabytes(largest)} MB, got ${megabytes(chosen.size)} MB.`;
      return;
    }
    upload.disabled = true;
    try {
      await send(chosen.name, chosen);
    } catch (error) {
      status.textContent = `${chosen.name} can't be sent (${error.message}).`;
    } finally {
      upload.disabled = false;
    }
  });

  let stream = null;
  let gone = false;

  const live = (on) => {
    open.hidden = on;
    for (const node of [take, close, video]) node.hidden = !on;
  };

  const shut = () => {
    const focused = root.contains(document.activeElement);
    stream?.getTracks().forEach((track) => track.stop());
    stream = video.srcObject = null;
    live(false);
    if (focused) open.focus();
  };

  open.addEventListener("click", async () => {
    status.textContent = "";
    if (!navigator.mediaDevices?.getUserMedia) {
      status.textContent = NOWHERE;
      return;
    }
    open.disabled = true;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 1280 } }, audio: false });
      if (gone) return shut();
      video.srcObject = stream;
      await video.play();
      live(true);
      take.focus();
    } catch (error) {
      shut();
      status.textContent = REFUSED[error.name] ?? `The camera can't be used (${error.message}). Upload a picture instead.`;
    } finally {
      open.disabled = false;
    }
  });

  take.addEventListener("click", async () => {
    const canvas = element("canvas", { width: video.videoWidth, height: video.videoHeight });
    canvas.getContext("2d").drawImage(video, 0, 0);
    shut();
    const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.95));
    await send("camera", blob);
  });

  close.addEventListener("click", shut);

  root.handlib = { isLive: () => Boolean(stream?.active) };
  return () => {
    gone = true;
    shut();
  };
}

export default { render };
