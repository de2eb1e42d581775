// A chart as a file: the drawing with its title, its subtitle, its source and the demonstration mark.

const SCALE = 2;

function escape(text) {
  return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
}

function wrap(text, most) {
  const lines = [""];
  for (const word of text.split(/\s+/)) {
    const last = lines[lines.length - 1];
    if ((last + " " + word).trim().length > most) lines.push(word);
    else lines[lines.length - 1] = (last + " " + word).trim();
  }
  return lines;
}

/** Compose the file around the drawing. Returns { svg, width, height }. */
export function compose({ drawing, width, height, title, subtitle, foot, font, colours }) {
  const pad = 20;
  const most = Math.floor(width / 6.4);
  const above = [...wrap(title, most).map((text) => ({ text, size: 16, weight: 600, colour: colours.text1, lead: 24 })),
    ...wrap(subtitle, most).map((text) => ({ text, size: 13, weight: 400, colour: colours.text3, lead: 19 }))];
  const below = wrap(foot, most).map((text) => ({ text, size: 12, weight: 400, colour: colours.text3, lead: 16 }));
  const rows = [];
  let y = pad;
  const put = (line) => {
    y += line.lead;
    rows.push(`<text x="${pad}" y="${y - 5}" font-family="${escape(font).replace(/"/g, "'")}" font-size="${line.size}" font-weight="${line.weight}" fill="${line.colour}">${escape(line.text)}</text>`);
  };
  above.forEach(put);
  const top = y + 8;
  y = top + height + 8;
  below.forEach(put);
  const total = { width: width + 2 * pad, height: y + pad };
  const inner = drawing.replace(/^<svg /, `<svg x="${pad}" y="${top}" `);
  return {
    svg: `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="${total.width}" height="${total.height}" viewBox="0 0 ${total.width} ${total.height}"><rect width="100%" height="100%" fill="${colours.panel}"/>${rows.join("")}${inner}</svg>`,
    ...total,
  };
}

export function download(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

export function saveSvg(file, name) {
  download(new Blob([file.svg], { type: "image/svg+xml" }), `${name}.svg`);
}

export async function savePng(file, name) {
  const address = URL.createObjectURL(new Blob([file.svg], { type: "image/svg+xml" }));
  const image = new Image();
  image.src = address;
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = file.width * SCALE;
  canvas.height = file.height * SCALE;
  const context = canvas.getContext("2d");
  context.scale(SCALE, SCALE);
  context.drawImage(image, 0, 0, file.width, file.height);
  URL.revokeObjectURL(address);
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  download(blob, `${name}.png`);
}
