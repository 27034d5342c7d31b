// Drawings of the page as SVG files that stand alone: the colours and lines that the page's styles give are written into them.

const kept = [
  "fill",
  "stroke",
  "stroke-width",
  "stroke-dasharray",
  "stroke-linejoin",
  "opacity",
  "font-family",
  "font-size",
  "text-anchor",
] as const;
const namespace = "http://www.w3.org/2000/svg";

export function element(name: string, attributes: Readonly<Record<string, string | number>>): SVGElement {
  const made = document.createElementNS(namespace, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  return made;
}

// A copy whose styles are attributes. The drawing must be in the document.
export function standalone(drawing: SVGElement): SVGElement {
  const copy = drawing.cloneNode(true) as SVGElement;
  const originals = [drawing, ...drawing.querySelectorAll<SVGElement>("*")];
  const copies = [copy, ...copy.querySelectorAll<SVGElement>("*")];
  originals.forEach((original, i) => {
    const style = getComputedStyle(original);
    for (const name of kept) copies[i]?.setAttribute(name, style.getPropertyValue(name));
    copies[i]?.removeAttribute("class");
  });
  return copy;
}

export function svgText(drawing: SVGElement): string {
  drawing.setAttribute("xmlns", namespace);
  return `<?xml version="1.0" encoding="UTF-8"?>\n${new XMLSerializer().serializeToString(drawing)}\n`;
}

export async function imageOf(drawing: SVGElement): Promise<HTMLImageElement> {
  const address = URL.createObjectURL(new Blob([svgText(drawing)], { type: "image/svg+xml" }));
  try {
    const image = new Image();
    image.src = address;
    await image.decode();
    return image;
  } finally {
    URL.revokeObjectURL(address);
  }
}

// The names of a panel's lines in their colours.
function keyOf(panel: HTMLElement): SVGElement[] {
  return [...panel.querySelectorAll(".legend li")].map((item) => {
    const line = item.querySelector(".line");
    const name = element("tspan", { dx: 16, "font-size": 12, fill: line === null ? "" : getComputedStyle(line).stroke });
    name.textContent = item.textContent;
    return name;
  });
}

// The curves below each other with their titles.
export function curvesSvg(): SVGElement {
  const panels = [...document.querySelectorAll<HTMLElement>(".curves > .panel")].flatMap((panel) => {
    const chart = panel.querySelector<SVGElement>(".chart svg");
    return chart === null ? [] : [{ panel, title: panel.querySelector("h3")?.textContent ?? "", chart }];
  });
  const sizes = panels.map(({ chart }) => chart.getBoundingClientRect());
  const width = Math.max(1, ...sizes.map((size) => size.width));
  const colors = getComputedStyle(document.documentElement);
  const whole = element("svg", { width });
  const ground = element("rect", { width, fill: colors.backgroundColor });
  whole.append(ground);
  let top = 0;
  panels.forEach(({ panel, title, chart }, i) => {
    const name = element("text", { x: 8, y: top + 20, fill: colors.color, "font-family": colors.fontFamily, "font-size": 15 });
    name.append(title, ...keyOf(panel));
    const placed = element("svg", { y: top + 28 });
    placed.append(standalone(chart));
    whole.append(name, placed);
    top += (sizes[i]?.height ?? 0) + 36;
  });
  for (const each of [whole, ground]) each.setAttribute("height", String(top));
  return whole;
}
