"use strict";
// Point clouds in plain WebGL 2: one vertex per pixel of a depth map, placed by the vertex shader.
// The arithmetic is that of geometry.py and render.py: from yaw 0, pitch 0 it shows the picture.

const VERTEX = `#version 300 es
precision highp float;
precision highp int;
precision highp usampler2D;
uniform usampler2D depth, other, marks;
uniform sampler2D picture, depthColors, errorColors;
uniform mat3 turn;
uniform vec3 eye;
uniform vec4 camera;      // fx, fy, cx, cy in pixels of the depth map
uniform vec2 units;       // metres per step: this map, the other map
uniform vec2 range;       // metres that the depth colours run over
uniform float span;       // mm of error that takes the last colour
uniform float scale;      // screen pixels per pixel of the map
uniform vec2 screen, pan; // pixels
uniform ivec3 show;       // mode (0 colour, 1 depth, 2 error), flying marked, has a picture
uniform vec3 flying, hole;
out vec3 tint;

vec3 place(ivec2 at, float z) {
  return vec3((vec2(at) - camera.zw) / camera.xy * z, z);
}

vec3 project(vec3 point) { // screen x, y in pixels, and the distance ahead
  vec3 seen = turn * (point - eye);
  vec2 at = (camera.xy * seen.xy / seen.z + camera.zw + 0.5) * scale;
  return vec3(at, seen.z);
}

float stretch(ivec2 at, ivec2 to, float z, vec2 here) { // way on the screen to a joined neighbour
  if (any(lessThan(to, ivec2(0))) || any(greaterThanEqual(to, textureSize(depth, 0)))) return 0.0;
  float there = float(texelFetch(depth, to, 0).r) * units.x;
  float near = min(z, there);
  if (near <= 0.0 || abs(there - z) >= max(0.05, 0.03 * near)) return 0.0;
  vec2 way = abs(project(place(to, there)).xy - here);
  return max(way.x, way.y);
}

void main() {
  ivec2 size = textureSize(depth, 0);
  ivec2 at = ivec2(gl_VertexID % size.x, gl_VertexID / size.x);
  float z = float(texelFetch(depth, at, 0).r) * units.x;
  vec3 here = project(place(at, z));
  if (z <= 0.0 || here.z < 0.05) {
    gl_Position = vec4(2.0, 2.0, 2.0, 1.0);
    gl_PointSize = 1.0;
    return;
  }
  float side = scale * z / here.z;
  side = max(side, stretch(at, at + ivec2(1, 0), z, here.xy));
  side = max(side, stretch(at, at - ivec2(1, 0), z, here.xy));
  side = max(side, stretch(at, at + ivec2(0, 1), z, here.xy));
  side = max(side, stretch(at, at - ivec2(0, 1), z, here.xy));
  bool flies = show.y == 1 && texelFetch(marks, at, 0).r > 0u;
  if (flies) tint = flying;
  else if (show.x == 1) {
    float share = clamp((z - range.x) / (range.y - range.x), 0.0, 1.0);
    tint = texelFetch(depthColors, ivec2(int(share * 255.0 + 0.5), 0), 0).rgb;
  } else if (show.x == 2) {
    uint was = texelFetch(other, at, 0).r;
    float error = (z - float(was) * units.y) * 1000.0;
    float share = clamp(0.5 + 0.5 * error / span, 0.0, 1.0);
    tint = was == 0u ? hole : texelFetch(errorColors, ivec2(int(share * 255.0 + 0.5), 0), 0).rgb;
  } else tint = show.z == 1 ? texture(picture, (vec2(at) + 0.5) / vec2(size)).rgb : vec3(0.69);
  vec2 ndc = (here.xy + pan) / screen * 2.0 - 1.0;
  float far = 200.0, near = 0.05;
  float deep = (far + near - 2.0 * far * near / here.z) / (far - near);
  gl_Position = vec4(ndc.x, -ndc.y, deep, 1.0);
  gl_PointSize = clamp(ceil(side + 0.3), flies ? 3.0 : 1.0, max(2.0, 4.5 * scale));
}`;

const FRAGMENT = `#version 300 es
precision mediump float;
in vec3 tint;
out vec4 color;
void main() { color = vec4(tint, 1.0); }`;

function bytesOf(text) {
  const raw = atob(text), out = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) out[i] = raw.charCodeAt(i);
  return out;
}

async function inflate(text) {
  const stream = new Blob([bytesOf(text)]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function unpackDepth(text, width, height) {
  const raw = await inflate(text), count = width * height, depth = new Uint16Array(count);
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      const left = x ? depth[i - 1] : 0, up = y ? depth[i - width] : 0;
      const plane = left + up - (x && y ? depth[i - width - 1] : 0);
      const guess = Math.max(Math.min(left, up), Math.min(Math.max(left, up), plane));
      depth[i] = guess + (raw[i] << 8) + raw[count + i];
    }
  }
  return depth;
}

async function unpackBits(text, count) {
  const raw = await inflate(text), marks = new Uint8Array(count);
  for (let i = 0; i < count; i++) marks[i] = (raw[i >> 3] >> (7 - (i & 7))) & 1;
  return marks;
}

async function loadPicture(address) {
  const image = new Image();
  image.src = address;
  await image.decode();
  return image;
}

// Frames decoded when first wanted: depth and marks as arrays, colour as an image.
class Frames {
  constructor(data) {
    this.list = data.frames;
    this.tables = data.tables;
    this.ready = new Map();
    this.keep = data.keep; // of a recording: how many decoded frames are kept
    for (const frame of this.list) // "#name" is a picture that the page shows anyway
      if (typeof frame.color === "string" && frame.color.startsWith("#"))
        frame.color = document.querySelector(frame.color).src;
  }

  get(index) {
    if (!this.ready.has(index)) this.ready.set(index, this.decode(this.list[index]));
    if (this.keep && this.ready.size > this.keep)
      for (const old of [...this.ready.keys()].slice(0, this.ready.size - this.keep))
        if (old !== index) this.ready.delete(old);
    return this.ready.get(index);
  }

  ahead(index) {
    if (index < this.list.length && this.list[index].depth) this.get(index);
  }

  async decode(frame) {
    const count = frame.width * frame.height;
    const owner = typeof frame.color === "number" ? this.list[frame.color] : frame;
    const [depth, marks, image] = await Promise.all([
      unpackDepth(frame.depth, frame.width, frame.height),
      unpackBits(frame.marks, count),
      owner.color ? loadPicture(owner.color) : null,
    ]);
    return { frame, depth, marks, image };
  }
}

class CloudView {
  constructor(canvas, frames) {
    this.canvas = canvas;
    this.frames = frames;
    this.view = { yaw: 0, pitch: 0, distance: 1, x: 0, y: 0 };
    this.mode = 0;
    this.mark = false;
    this.span = 50;
    this.gl = canvas.getContext("webgl2", { antialias: false, preserveDrawingBuffer: true });
    if (!this.gl) return;
    this.prepare();
    this.listen();
    new ResizeObserver(() => this.draw()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
    canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
    canvas.addEventListener("webglcontextrestored", () => {
      this.prepare();
      if (this.index !== undefined) this.show(this.index);
    });
  }

  prepare() {
    const gl = this.gl, program = gl.createProgram();
    for (const [kind, text] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, text);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
      if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS) && !gl.isContextLost())
        throw new Error(gl.getShaderInfoLog(shader));
    }
    gl.linkProgram(program);
    gl.useProgram(program);
    gl.bindVertexArray(gl.createVertexArray());
    gl.enable(gl.DEPTH_TEST);
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
    gl.pixelStorei(gl.UNPACK_COLORSPACE_CONVERSION_WEBGL, gl.NONE);
    this.at = new Proxy({}, { get: (_, name) => gl.getUniformLocation(program, name) });
    const names = ["depth", "other", "marks", "picture", "depthColors", "errorColors"];
    this.textures = names.map((name, unit) => {
      const texture = gl.createTexture();
      gl.activeTexture(gl.TEXTURE0 + unit);
      gl.bindTexture(gl.TEXTURE_2D, texture);
      for (const side of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER])
        gl.texParameteri(gl.TEXTURE_2D, side, gl.NEAREST);
      for (const side of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T])
        gl.texParameteri(gl.TEXTURE_2D, side, gl.CLAMP_TO_EDGE);
      gl.uniform1i(this.at[name], unit);
      return texture;
    });
    const tables = this.frames.tables;
    for (const [unit, text] of [[4, tables.depth], [5, tables.error]]) {
      gl.activeTexture(gl.TEXTURE0 + unit);
      gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGB8, 256, 1, 0, gl.RGB, gl.UNSIGNED_BYTE, bytesOf(text));
    }
    gl.uniform3fv(this.at.flying, tables.flying.map((v) => v / 255));
    gl.uniform3fv(this.at.hole, tables.hole.map((v) => v / 255));
  }

  async show(index) {
    this.index = index;
    const now = await this.frames.get(index), frame = now.frame;
    const other = frame.against == null ? now : await this.frames.get(frame.against);
    if (this.index !== index) return; // another frame was chosen meanwhile
    this.now = now;
    if (!this.gl) return;
    const gl = this.gl;
    this.upload(0, gl.R16UI, gl.UNSIGNED_SHORT, now.depth, frame);
    this.upload(1, gl.R16UI, gl.UNSIGNED_SHORT, other.depth, frame);
    this.upload(2, gl.R8UI, gl.UNSIGNED_BYTE, now.marks, frame);
    gl.activeTexture(gl.TEXTURE3);
    if (now.image)
      gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGB8, gl.RGB, gl.UNSIGNED_BYTE, now.image);
    gl.uniform4fv(this.at.camera, frame.camera);
    gl.uniform2f(this.at.units, frame.unit, other.frame.unit);
    gl.uniform2fv(this.at.range, other.frame.range);
    this.draw();
  }

  upload(unit, inside, type, data, frame) {
    const gl = this.gl;
    gl.activeTexture(gl.TEXTURE0 + unit);
    gl.texImage2D(gl.TEXTURE_2D, 0, inside, frame.width, frame.height, 0, gl.RED_INTEGER, type, data);
  }

  draw() {
    if (!this.gl || !this.now || this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.paint();
    });
  }

  paint() {
    const gl = this.gl, canvas = this.canvas, frame = this.now.frame, view = this.view;
    const dense = Math.min(devicePixelRatio || 1, 2);
    canvas.width = Math.max(1, Math.round(canvas.clientWidth * dense));
    canvas.height = Math.max(1, Math.round(canvas.clientHeight * dense));
    const scale = Math.min(canvas.width / frame.width, canvas.height / frame.height);
    const [sy, cy] = [Math.sin(view.yaw), Math.cos(view.yaw)];
    const [sp, cp] = [Math.sin(view.pitch), Math.cos(view.pitch)];
    const rows = [[cy, 0, sy], [sp * sy, cp, -sp * cy], [-cp * sy, sp, cp * cy]];
    const centre = (this.centre ??= frame.centre), far = centre * view.distance;
    const eye = [-rows[2][0] * far, -rows[2][1] * far, centre - rows[2][2] * far];
    gl.uniformMatrix3fv(this.at.turn, true, rows.flat());
    gl.uniform3fv(this.at.eye, eye);
    gl.uniform1f(this.at.scale, scale);
    gl.uniform1f(this.at.span, this.span);
    gl.uniform2f(this.at.screen, canvas.width, canvas.height);
    gl.uniform2f(
      this.at.pan,
      (canvas.width - frame.width * scale) / 2 + view.x * canvas.width,
      (canvas.height - frame.height * scale) / 2 + view.y * canvas.height,
    );
    gl.uniform3i(this.at.show, this.mode, this.mark ? 1 : 0, this.now.image ? 1 : 0);
    gl.viewport(0, 0, canvas.width, canvas.height);
    const ground = getComputedStyle(canvas).backgroundColor.match(/[\d.]+/g).map(Number);
    gl.clearColor(ground[0] / 255, ground[1] / 255, ground[2] / 255, 1);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    gl.drawArrays(gl.POINTS, 0, frame.width * frame.height);
    canvas.dataset.drawn = "1";
  }

  look(yaw, pitch, distance) {
    const degrees = Math.PI / 180;
    this.view = { yaw: yaw * degrees, pitch: pitch * degrees, distance, x: 0, y: 0 };
    this.draw();
  }

  orbit(dx, dy) {
    this.view.yaw -= dx;
    this.view.pitch = Math.max(-1.5, Math.min(1.5, this.view.pitch + dy));
    this.draw();
  }

  zoom(factor) {
    this.view.distance = Math.max(0.05, Math.min(8, this.view.distance * factor));
    this.draw();
  }

  pan(dx, dy) {
    this.view.x += dx / this.canvas.clientWidth;
    this.view.y += dy / this.canvas.clientHeight;
    this.draw();
  }

  listen() {
    const canvas = this.canvas, fingers = new Map();
    const middle = () => {
      const all = [...fingers.values()];
      const x = all.reduce((sum, p) => sum + p.x, 0) / all.length;
      const y = all.reduce((sum, p) => sum + p.y, 0) / all.length;
      const wide = all.length > 1 ? Math.hypot(all[0].x - all[1].x, all[0].y - all[1].y) : 0;
      return { x, y, wide };
    };
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!fingers.has(event.pointerId)) return;
      const before = middle();
      fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
      const after = middle(), dx = after.x - before.x, dy = after.y - before.y;
      if (fingers.size > 1) {
        this.pan(dx, dy);
        if (before.wide > 0) this.zoom(before.wide / Math.max(after.wide, 1));
      } else if (event.shiftKey || event.buttons > 1) this.pan(dx, dy);
      else this.orbit(dx * 0.006, dy * 0.006);
    });
    for (const end of ["pointerup", "pointercancel"])
      canvas.addEventListener(end, (event) => fingers.delete(event.pointerId));
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
    canvas.addEventListener("dblclick", () => this.look(0, 0, 1));
    canvas.addEventListener(
      "wheel",
      (event) => {
        event.preventDefault();
        this.zoom(Math.exp(Math.max(-100, Math.min(100, event.deltaY)) * 0.002));
      },
      { passive: false },
    );
    const keys = {
      ArrowLeft: () => this.orbit(-0.08, 0),
      ArrowRight: () => this.orbit(0.08, 0),
      ArrowUp: () => this.orbit(0, -0.08),
      ArrowDown: () => this.orbit(0, 0.08),
      "+": () => this.zoom(0.9),
      "-": () => this.zoom(1.1),
      0: () => this.look(0, 0, 1),
    };
    canvas.addEventListener("keydown", (event) => {
      if (!keys[event.key]) return;
      event.preventDefault();
      keys[event.key]();
    });
  }
}

// Flat pictures of a frame's numbers, painted with the same colours.
function paintFlat(canvas, now, other, mode, tables, span) {
  const { width, height, unit, range } = now.frame;
  const colors = bytesOf(mode === 2 ? tables.error : tables.depth);
  const [low, high] = other ? other.frame.range : range;
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d"), image = context.createImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    const z = now.depth[i] * unit;
    const was = mode === 2 ? other.depth[i] * other.frame.unit : 1;
    const share =
      mode === 2 ? 0.5 + (500 * (z - was)) / span : (z - low) / (high - low);
    const at = 3 * Math.round(255 * Math.max(0, Math.min(1, share)));
    for (let c = 0; c < 3; c++)
      image.data[4 * i + c] = z > 0 && was > 0 ? colors[at + c] : tables.hole[c];
    image.data[4 * i + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}

// A scale as an SVG picture: colours, round ticks, unit.
function scaleSvg(colors, low, high, unit, note) {
  const stops = [];
  for (let i = 0; i <= 16; i++) {
    const at = 3 * Math.round((255 * i) / 16);
    stops.push(`<stop offset="${i / 16}" stop-color="rgb(${colors.slice(at, at + 3).join()})"/>`);
  }
  const raw = (high - low) / 5, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw * 0.999);
  const marks = [];
  for (let tick = Math.ceil(low / step - 1e-9) * step; tick <= high + step * 1e-6; tick += step) {
    const x = 24 + (272 * (tick - low)) / (high - low);
    const text = `${+tick.toPrecision(6)}`;
    marks.push(`<path d="M${x} 16v5"/><text x="${x}" y="34">${text}</text>`);
  }
  const name = `g${Math.random().toString(36).slice(2)}`;
  return `<svg class="scale" viewBox="0 0 320 54" role="img" aria-label="${note}">
    <defs><linearGradient id="${name}">${stops.join("")}</linearGradient></defs>
    <rect x="24" y="2" width="272" height="14" fill="url(#${name})"/>${marks.join("")}
    <text class="unit" x="160" y="50">${note} (${unit})</text></svg>`;
}
