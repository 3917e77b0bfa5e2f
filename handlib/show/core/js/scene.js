// The 3D scene: one surface and one skeleton per hand, in the camera's frame (x right, y down, z away).
import * as THREE from "three";
import { OrbitControls } from "three/addons/controls/OrbitControls.js";

const FIELD_OF_VIEW = 30;
const USUAL_ASPECT = 560 / 360;
const JOINT_RADIUS = 0.0032;
const BONE_RADIUS = 0.0016;
const LINK_RADIUS = 0.0025;
const PICK_PIXELS = 12;
const Y_AXIS = new THREE.Vector3(0, 1, 0);

const colourOf = (red, green, blue) => new THREE.Color().setRGB(red / 255, green / 255, blue / 255, THREE.SRGBColorSpace);

// The matrix that puts a rod of length and radius 1 along the y axis between two points.
function rodBetween(from, to, radius) {
  const along = to.clone().sub(from);
  const length = Math.max(along.length(), 1e-9);
  const turn = new THREE.Quaternion().setFromUnitVectors(Y_AXIS, along.divideScalar(length));
  const middle = from.clone().add(to).multiplyScalar(0.5);
  return new THREE.Matrix4().compose(middle, turn, new THREE.Vector3(radius, length, radius));
}

export class HandsScene {
  // `colours` are per hand: {surface, skeleton}; `highlight` marks the picked joint.
  constructor(canvas, { colours, highlight, bones, faces, verticesPerHand, jointsPerHand }) {
    this.canvas = canvas;
    this.bones = bones;
    this.colours = colours;
    this.highlight = new THREE.Color(highlight);
    this.jointsPerHand = jointsPerHand;
    this.verticesPerHand = verticesPerHand;
    this.joints = [];
    this.jointColours = null;
    this.picked = -1;
    this.opacity = 1;
    this.surfacesShown = true;
    this.links = [];
    this.linkRods = null;
    this.framesDrawn = 0;

    this.renderer = new THREE.WebGLRenderer({ canvas, antialias: true });
    this.renderer.setPixelRatio(Math.min(window.devicePixelRatio, 2));
    this.renderer.setClearColor(0xffffff);
    this.camera = new THREE.PerspectiveCamera(FIELD_OF_VIEW, 1, 0.005, 20);
    this.camera.up.set(0, -1, 0);
    this.scene = new THREE.Scene();
    this.scene.add(this.camera);
    this.addLights();
    this.surfaces = faces.map((indices, hand) => this.addSurface(indices, colours[hand].surface));
    this.jointBalls = colours.map((c) => this.addInstances(new THREE.SphereGeometry(JOINT_RADIUS, 16, 12), jointsPerHand, c.skeleton, 3));
    this.boneRods = colours.map((c) =>
      this.addInstances(new THREE.CylinderGeometry(BONE_RADIUS, BONE_RADIUS, 1, 8), bones.length, c.skeleton, 2),
    );
    this.orbit = new OrbitControls(this.camera, canvas);
    this.orbit.addEventListener("change", () => this.requestDraw());
    this.orbit.addEventListener("start", () => (this.turned = true));
  }

  addLights() {
    this.scene.add(new THREE.AmbientLight(0xffffff, 1.1));
    for (const [x, y, z, strength] of [[-0.6, 0.9, 0.8, 2.0], [0.8, -0.2, 0.5, 0.7]]) {
      const light = new THREE.DirectionalLight(0xffffff, strength);
      light.position.set(x, y, z);
      this.camera.add(light);
      this.camera.add(light.target);
    }
  }

  addSurface(indices, colour) {
    const geometry = new THREE.BufferGeometry();
    geometry.setAttribute("position", new THREE.BufferAttribute(new Float32Array(this.verticesPerHand * 3), 3));
    geometry.setAttribute("color", new THREE.BufferAttribute(new Float32Array(this.verticesPerHand * 3).fill(1), 3));
    geometry.setIndex(new THREE.BufferAttribute(indices, 1));
    const material = new THREE.MeshStandardMaterial({ color: colour, vertexColors: true, roughness: 0.75, side: THREE.DoubleSide });
    const mesh = new THREE.Mesh(geometry, material);
    // Depth alone, drawn before a faded surface, so that of a faded surface too only what is nearest is seen.
    mesh.depth = new THREE.Mesh(geometry, new THREE.MeshBasicMaterial({ colorWrite: false, side: THREE.DoubleSide }));
    for (const part of [mesh, mesh.depth]) part.frustumCulled = false;
    this.scene.add(mesh, mesh.depth);
    return mesh;
  }

  // The skeleton is drawn over the surface, so that no joint is ever hidden: links, bones, joints, in this order.
  addInstances(geometry, count, colour, order) {
    const mesh = new THREE.InstancedMesh(geometry, new THREE.MeshBasicMaterial({ depthTest: false, transparent: true }), count);
    for (let i = 0; i < count; i++) mesh.setColorAt(i, new THREE.Color(colour));
    mesh.renderOrder = order;
    mesh.frustumCulled = false;
    this.scene.add(mesh);
    return mesh;
  }

  setGeometry(vertices, joints) {
    this.surfaces.forEach((mesh, hand) => {
      const size = this.verticesPerHand * 3;
      mesh.geometry.attributes.position.array.set(vertices.subarray(hand * size, (hand + 1) * size));
      mesh.geometry.attributes.position.needsUpdate = true;
      mesh.geometry.computeVertexNormals();
    });
    this.joints = Array.from({ length: joints.length / 3 }, (_, i) => new THREE.Vector3().fromArray(joints, 3 * i));
    this.placeSkeleton();
    this.requestDraw();
  }

  placeSkeleton() {
    const matrix = new THREE.Matrix4();
    const upright = new THREE.Quaternion();
    const one = new THREE.Vector3(1, 1, 1);
    this.jointBalls.forEach((balls, hand) => {
      const joints = this.joints.slice(hand * this.jointsPerHand, (hand + 1) * this.jointsPerHand);
      joints.forEach((joint, i) => balls.setMatrixAt(i, matrix.compose(joint, upright, one)));
      balls.instanceMatrix.needsUpdate = true;
      this.bones.forEach(([a, b], i) => this.boneRods[hand].setMatrixAt(i, rodBetween(joints[a], joints[b], 1)));
      this.boneRods[hand].instanceMatrix.needsUpdate = true;
    });
    this.links.forEach(({ a, b, width }, i) => this.linkRods.setMatrixAt(i, rodBetween(this.joints[a], this.joints[b], width)));
    if (this.linkRods) this.linkRods.instanceMatrix.needsUpdate = true;
  }

  // Rows of six numbers: two joints, red, green and blue as sRGB bytes, width from 0 to 1. Later ones lie on top.
  setLinks(rows) {
    this.links = Array.from({ length: rows.length / 6 }, (_, i) => {
      const [a, b, red, green, blue, width] = rows.subarray(6 * i, 6 * i + 6);
      return { a, b, width, colour: colourOf(red, green, blue) };
    });
    this.removeLinkRods();
    if (this.links.length > 0) {
      this.linkRods = this.addInstances(new THREE.CylinderGeometry(LINK_RADIUS, LINK_RADIUS, 1, 8), this.links.length, 0xffffff, 1);
      this.linkRods.visible = this.boneRods[0].visible;
      this.links.forEach(({ colour }, i) => this.linkRods.setColorAt(i, colour));
    }
    this.placeSkeleton();
    this.requestDraw();
  }

  removeLinkRods() {
    if (!this.linkRods) return;
    this.scene.remove(this.linkRods);
    this.linkRods.geometry.dispose();
    this.linkRods.material.dispose();
    this.linkRods.dispose();
    this.linkRods = null;
  }

  // Per-vertex colours as sRGB bytes, or null for the plain colour of each hand.
  setColours(bytes) {
    const size = this.verticesPerHand * 3;
    this.surfaces.forEach((mesh, hand) => {
      const attribute = mesh.geometry.attributes.color;
      mesh.material.color.set(bytes ? 0xffffff : this.colours[hand].surface);
      if (!bytes) attribute.array.fill(1);
      else
        for (let i = 0; i < size; i += 3) {
          colourOf(...bytes.subarray(hand * size + i, hand * size + i + 3)).toArray(attribute.array, i);
        }
      attribute.needsUpdate = true;
    });
    this.requestDraw();
  }

  // Per-joint colours as sRGB bytes, or null for the plain colour of each hand's skeleton.
  setJointColours(bytes) {
    this.jointColours = bytes;
    this.paintJoints();
  }

  setPicked(picked) {
    this.picked = picked;
    this.paintJoints();
  }

  paintJoints() {
    this.jointBalls.forEach((balls, hand) => {
      for (let i = 0; i < this.jointsPerHand; i++) {
        const joint = hand * this.jointsPerHand + i;
        const own = this.jointColours
          ? colourOf(...this.jointColours.subarray(3 * joint, 3 * joint + 3))
          : new THREE.Color(this.colours[hand].skeleton);
        balls.setColorAt(i, joint === this.picked ? this.highlight : own);
      }
      balls.instanceColor.needsUpdate = true;
    });
    this.requestDraw();
  }

  jointColour(joint) {
    const colour = new THREE.Color();
    this.jointBalls[Math.floor(joint / this.jointsPerHand)].getColorAt(joint % this.jointsPerHand, colour);
    return `#${colour.getHexString()}`;
  }

  setShown(shown) {
    this.surfacesShown = shown !== "skeleton";
    for (const mesh of [...this.jointBalls, ...this.boneRods]) mesh.visible = shown !== "surface";
    if (this.linkRods) this.linkRods.visible = shown !== "surface";
    this.showSurfaces();
  }

  setSurfaceOpacity(opacity) {
    this.opacity = opacity;
    this.showSurfaces();
  }

  showSurfaces() {
    for (const mesh of this.surfaces) {
      mesh.visible = this.surfacesShown && this.opacity > 0;
      mesh.depth.visible = mesh.visible && this.opacity < 1;
      mesh.material.transparent = this.opacity < 1;
      mesh.material.opacity = this.opacity;
      mesh.material.needsUpdate = true;
    }
    this.requestDraw();
  }

  // Puts the eye before the point (x, y, z), looking along z as the camera of a picture does, so far away that
  // `halfHeight` metres fit above and below it, and as much more to both sides as the canvas's usual shape has.
  frame([x, y, z, halfHeight]) {
    this.framing = [x, y, z, halfHeight];
    this.turned = false;
    const narrow = Math.max(1, USUAL_ASPECT / this.camera.aspect);
    const distance = (halfHeight * narrow) / Math.tan(THREE.MathUtils.degToRad(FIELD_OF_VIEW / 2));
    this.orbit.target.set(x, y, z);
    this.camera.position.set(x, y, z - distance);
    this.orbit.update();
    this.requestDraw();
  }

  resetView() {
    this.frame(this.framing);
  }

  // Angles in radians; `zoom` multiplies the distance.
  turn(aroundUp, aroundRight, zoom = 1) {
    const offset = this.camera.position.clone().sub(this.orbit.target);
    const flip = new THREE.Quaternion().setFromUnitVectors(this.camera.up, Y_AXIS);
    const ball = new THREE.Spherical().setFromVector3(offset.applyQuaternion(flip));
    ball.theta += aroundUp;
    ball.phi += aroundRight;
    ball.radius *= zoom;
    ball.makeSafe();
    this.turned = true;
    offset.setFromSpherical(ball).applyQuaternion(flip.invert());
    this.camera.position.copy(this.orbit.target).add(offset);
    this.orbit.update();
    this.requestDraw();
  }

  resize(width, height) {
    if (width < 1 || height < 1) return;
    this.renderer.setSize(width, height, false);
    this.camera.aspect = width / height;
    this.camera.updateProjectionMatrix();
    if (this.framing && !this.turned) this.resetView();
    this.requestDraw();
  }

  // Joint i in pixels of the canvas, from its top left corner.
  jointOnCanvas(i) {
    this.camera.updateMatrixWorld();
    const p = this.joints[i].clone().project(this.camera);
    return [((p.x + 1) / 2) * this.canvas.clientWidth, ((1 - p.y) / 2) * this.canvas.clientHeight];
  }

  // The joint nearest to a point of the canvas, -1 if none is near; of two at one place the one before.
  jointNear(x, y) {
    let best = -1;
    let bestScore = Infinity;
    for (let i = 0; i < this.joints.length; i++) {
      const [jx, jy] = this.jointOnCanvas(i);
      const pixels = Math.hypot(jx - x, jy - y);
      const score = pixels + this.joints[i].distanceTo(this.camera.position);
      if (pixels <= PICK_PIXELS && score < bestScore) [best, bestScore] = [i, score];
    }
    return best;
  }

  requestDraw() {
    if (this.pending) return;
    this.pending = requestAnimationFrame(() => {
      this.pending = null;
      this.renderer.render(this.scene, this.camera);
      this.framesDrawn++;
    });
  }

  dispose() {
    cancelAnimationFrame(this.pending);
    this.orbit.dispose();
    this.removeLinkRods();
    for (const mesh of [...this.surfaces, ...this.surfaces.map((surface) => surface.depth), ...this.jointBalls, ...this.boneRods]) {
      mesh.geometry.dispose();
      mesh.material.dispose();
    }
    this.renderer.dispose();
  }
}
