// The images of a pair: fixed and warped under a slider, the slices of a volume scrolled.

const HIGHEST_PX = 560;
const SIDED = new Set(["axial", "coronal"]);

class Viewer {
  // images: planes [{name, slices, rows, columns, width_mm, height_mm}], and per plane the pictures, whose
  // slices lie below each other: fixed [url], moving [url], warped [{run, urls}].
  constructor(images, runs) {
    // What a run that does nothing leaves is the moving image, which is on offer anyway.
    const warped = images.warped.filter(({ run }) => !runs[run].untouched);
    this.images = { ...images, warped };
    this.runs = runs;
    this.loaded = new Map();
    this.state = { plane: 0, slice: 0, shown: 0, mode: "wipe", position: 50 };
    this.canvas = element("canvas", { role: "img" });
    this.tags = [element("span", { class: "tag start" }), element("span", { class: "tag end" })];
    this.sides = [element("span", { class: "side start" }, "R"), element("span", { class: "side end" }, "L")];
    this.stage = element("div", { class: "stage" }, this.canvas, ...this.tags, ...this.sides);
    this.controls = element("div", { class: "controls" });
    this.element = element("div", { class: "viewer" }, this.stage, this.controls);
    this.canvas.addEventListener("pointermove", (event) => event.buttons && this.drag(event));
    this.canvas.addEventListener("pointerdown", (event) => this.drag(event));
    this.canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    this.makeControls();
    this.turnTo(0);
  }

  get choices() {
    const warped = this.images.warped.map(({ run }) => `Warped by ${this.runs[run].title}`);
    return [...warped, "Moving, as prealigned"];
  }

  makeControls() {
    const set = (name) => (value) => {
      this.state[name] = name === "mode" ? value : Number(value);
      this.draw();
    };
    this.position = this.range("position", 0, 100, set("position"));
    this.slice = this.range("slice", 0, 0, set("slice"));
    this.positionField = labelled("Fixed to other", this.position);
    this.sliceField = labelled("Slice", this.slice);
    const modes = [["wipe", "Wipe"], ["blend", "Blend"], ["difference", "Difference"]];
    this.controls.append(
      labelled("Other image", choice([...this.choices.entries()], 0, set("shown"))),
      labelled("Compare by", choice(modes, "wipe", set("mode"))),
      this.positionField
    );
    if (this.images.planes.length > 1) {
      const planes = this.images.planes.map(({ name }, index) => [index, name]);
      this.controls.append(labelled("Plane", choice(planes, 0, (index) => this.turnTo(Number(index)))));
    }
    this.controls.append(this.sliceField);
  }

  range(name, low, high, onInput) {
    const made = element("input", { type: "range", min: low, max: high, step: 1, name });
    made.addEventListener("input", () => onInput(made.value));
    return made;
  }

  get plane() {
    return this.images.planes[this.state.plane];
  }

  turnTo(index) {
    this.state.plane = index;
    this.state.slice = Math.floor((this.plane.slices - 1) / 2);
    this.slice.max = this.plane.slices - 1;
    this.sliceField.hidden = this.plane.slices < 2;
    const { width_mm: width, height_mm: height, name } = this.plane;
    this.stage.style.aspectRatio = `${width} / ${height}`;
    this.stage.style.maxWidth = `${Math.round(HIGHEST_PX * Math.min(width / height, 1.4))}px`;
    for (const side of this.sides) side.hidden = !SIDED.has(name);
    this.draw();
  }

  drag(event) {
    if (this.state.mode === "difference") return;
    const box = this.canvas.getBoundingClientRect();
    const share = (event.clientX - box.left) / box.width;
    this.state.position = Math.round(100 * Math.min(1, Math.max(0, share)));
    this.draw();
  }

  wheel(event) {
    if (this.plane.slices < 2) return;
    event.preventDefault();
    const next = this.state.slice + Math.sign(event.deltaY);
    this.state.slice = Math.min(this.plane.slices - 1, Math.max(0, next));
    this.draw();
  }

  async picture(url) {
    if (!this.loaded.has(url)) {
      const image = new Image();
      image.src = url;
      this.loaded.set(url, image.decode().then(() => image));
    }
    return this.loaded.get(url);
  }

  async draw() {
    const { plane, slice, shown, mode, position } = this.state;
    this.tell();
    const { fixed, moving, warped } = this.images;
    const other = shown < warped.length ? warped[shown].urls[plane] : moving[plane];
    const asked = JSON.stringify(this.state);
    const pictures = await Promise.all([this.picture(fixed[plane]), this.picture(other)]);
    if (asked !== JSON.stringify(this.state)) return;
    const { rows, columns, width_mm: width, height_mm: height } = this.plane;
    // A canvas is given square pixels, whatever the voxels are, and twice as many as there are voxels or more.
    const scale = Math.max(2, Math.ceil((2 * HIGHEST_PX) / Math.max(rows, columns) / 2));
    const fine = Math.max(columns / width, rows / height) * scale;
    this.canvas.width = Math.round(width * fine);
    this.canvas.height = Math.round(height * fine);
    const context = this.canvas.getContext("2d");
    const paint = (image) => {
      const { width: across, height: down } = this.canvas;
      context.drawImage(image, 0, slice * rows, columns, rows, 0, 0, across, down);
    };
    context.imageSmoothingQuality = "high";
    paint(pictures[0]);
    context.save();
    if (mode === "wipe") {
      const edge = (this.canvas.width * position) / 100;
      context.beginPath();
      context.rect(edge, 0, this.canvas.width - edge, this.canvas.height);
      context.clip();
      paint(pictures[1]);
      context.restore();
      context.fillStyle = "#ffb000";
      context.fillRect(edge - 1, 0, 2, this.canvas.height);
      context.save();
    } else if (mode === "blend") {
      context.globalAlpha = position / 100;
      paint(pictures[1]);
    } else {
      context.globalCompositeOperation = "difference";
      paint(pictures[1]);
    }
    context.restore();
    this.element.dataset.drawn = asked;
  }

  tell() {
    const { slice, shown, mode, position } = this.state;
    const other = this.choices[shown];
    const { slices, name } = this.plane;
    this.slice.value = slice;
    this.slice.setAttribute("aria-valuetext", `Slice ${slice + 1} of ${slices}`);
    this.sliceField.firstChild.textContent = `Slice ${slice + 1} of ${slices}`;
    this.position.value = position;
    this.position.setAttribute("aria-valuetext", this.told(position, mode));
    this.positionField.hidden = mode === "difference";
    this.positionField.firstChild.textContent = mode === "blend" ? "Fixed to other" : "Divide at";
    this.tags[0].textContent = mode === "difference" ? "Absolute difference" : "Fixed";
    this.tags[1].textContent = mode === "difference" ? "" : other;
    const where = slices > 1 ? `, ${name} slice ${slice + 1} of ${slices}` : "";
    this.canvas.setAttribute("aria-label", `Fixed image and ${other}: ${mode}${where}`);
  }

  told(position, mode) {
    if (mode === "blend") return `${position} percent of the other image`;
    return `Fixed image left of ${position} percent, the other image right of it`;
  }
}
