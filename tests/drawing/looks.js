// What is wrong with the look of each picture of this page, in words: [[name, fault, …], …].
// `minimum` is the contrast that letters need.
(minimum) => {
  const box = (part) => (({ x, y, width, height }) => ({ x, y, width, height }))(part.getBBox());
  const shared = (one, other, edge, size) =>
    Math.min(one[edge] + one[size], other[edge] + other[size]) - Math.max(one[edge], other[edge]);
  // A line's box is taller than its letters.
  const letters = ({ x, y, width, height }) =>
    ({ x, y: y + 0.17 * height, width, height: 0.66 * height });
  const meets = (one, other) =>
    shared(one, other, "x", "width") > 0.5 && shared(one, other, "y", "height") > 0;
  const inside = (one, other) =>
    shared(one, other, "x", "width") >= one.width - 0.5 &&
    shared(one, other, "y", "height") >= one.height - 0.5;

  const known = new WeakMap();
  const isSeen = (part) => {
    if (!(part instanceof SVGElement)) return true;
    if (!known.has(part)) {
      const { opacity, display } = getComputedStyle(part);
      known.set(part, display !== "none" && opacity !== "0" && isSeen(part.parentElement));
    }
    return known.get(part);
  };
  const all = (svg, selector) => [...svg.querySelectorAll(selector)].filter(isSeen)
    .map((part) => ({ part, box: box(part) }));
  const paint = ({ part }, name) => getComputedStyle(part)[name];
  const isAfter = (one, other) =>
    one.part.compareDocumentPosition(other.part) & Node.DOCUMENT_POSITION_PRECEDING;

  // Matplotlib draws letters as outlines, a group for each text.
  const textsOf = (svg) => all(svg, "text, g[id^=text_]")
    .map((each) => ({ ...each, said: each.part.textContent.trim() || each.part.id }))
    .filter(({ box }) => box.width);

  const channels = (color) => color.match(/[\d.]+/g).slice(0, 3).map((c) => c / 255)
    .map((c) => (c <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4));
  const light = (color) => channels(color).reduce((sum, c, i) => sum + c * [.2126, .7152, .0722][i], 0);
  const contrast = (one, other) => {
    const [a, b] = [light(one), light(other)].sort((a, b) => b - a);
    return (a + .05) / (b + .05);
  };
  const groundOf = (text, grounds) => {
    const { x, y, width, height } = text.box;
    const middle = { x: x + width / 2, y: y + height / 2, width: 1, height: 1 };
    return grounds.findLast((each) => inside(middle, each.box) && isAfter(text, each));
  };

  // Of a chart's lines, which have no box of their own: whether one runs through a text.
  const passes = ({ part }, box) => {
    const length = part.getTotalLength(), steps = Math.ceil(length / 2);
    for (let step = 0; step <= steps; step++) {
      const { x, y } = part.getPointAtLength((length * step) / steps);
      if (meets({ x: x - 0.5, y: y - 0.5, width: 1, height: 1 }, box)) return true;
    }
    return false;
  };

  const faultsOf = (svg) => {
    const faults = [], { width, height } = svg.viewBox.baseVal;
    const texts = textsOf(svg), rects = all(svg, "rect");
    const solid = all(svg, ".hop path, .way > path:nth-of-type(2), circle");
    const edges = rects.filter((each) => paint(each, "stroke") !== "none");
    const grounds = rects.filter((each) => paint(each, "fill") !== "none");
    const curves = all(svg, "g[id^=line2d] > path");
    texts.forEach((text, index) => {
      const { said } = text, own = letters(text.box), ground = groundOf(text, grounds);
      // What was drawn before a ground on which the whole text stands is not to be seen behind it.
      const isSeenBehind = (other) => !ground || !inside(own, ground.box) || !isAfter(ground, other);
      if (!inside(own, { x: 0, y: 0, width, height })) faults.push(`${said} leaves the picture`);
      for (const other of texts.slice(index + 1)) {
        if (meets(own, letters(other.box))) faults.push(`${said} meets ${other.said}`);
      }
      for (const edge of edges) {
        if (!meets(own, edge.box) || inside(own, edge.box)) continue;
        if (isSeenBehind(edge)) faults.push(`${said} crosses a frame`);
      }
      for (const other of solid) {
        if (meets(own, other.box) && isSeenBehind(other)) faults.push(`${said} meets a line or sign`);
      }
      if (curves.some((curve) => passes(curve, own))) faults.push(`${said} lies on a line`);
      if (text.part.tagName !== "text" || !ground) return;
      const ratio = contrast(paint(text, "fill"), paint(ground, "fill"));
      if (ratio < minimum) faults.push(`${said} has a contrast of only ${ratio.toFixed(2)}`);
    });
    return faults;
  };
  return [...document.querySelectorAll("svg")].map((svg) =>
    [svg.dataset.name ?? svg.querySelector("title")?.textContent, ...new Set(faultsOf(svg))])
    .filter((each) => each.length > 1);
}
