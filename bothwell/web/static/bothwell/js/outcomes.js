// Beside each picture as SVG, the same as PNG: drawn here by the browser, three times as large, on white.
const SCALE = 3;

const png = async (link) => {
  const text = await (await fetch(link.href)).text();
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = image.naturalWidth * SCALE;
  canvas.height = image.naturalHeight * SCALE;
  const sheet = canvas.getContext("2d");
  sheet.fillStyle = "#ffffff";
  sheet.fillRect(0, 0, canvas.width, canvas.height);
  sheet.drawImage(image, 0, 0, canvas.width, canvas.height);
  const away = document.createElement("a");
  away.href = canvas.toDataURL("image/png");
  away.download = `${link.dataset.picture.replace(".", "-")}.png`;
  away.click();
};

const offer = () => {
  for (const link of document.querySelectorAll("[data-picture]:not([data-offered])")) {
    link.dataset.offered = "";
    const button = document.createElement("button");
    button.type = "button";
    button.className = "btn small";
    button.textContent = link.textContent.replace("SVG", "PNG");
    if (link.ariaLabel) button.ariaLabel = link.ariaLabel.replace("SVG", "PNG");
    button.addEventListener("click", () => png(link));
    link.after(button);
  }
};

offer();
document.body.addEventListener("htmx:afterSwap", offer);
