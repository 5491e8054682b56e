import { config } from "./page.js";

document.body.innerHTML = '<button type="button">Record</button><output></output>';
const worker = new Worker(new URL("./recorder.js", import.meta.url));
worker.postMessage({ config });
worker.onmessage = ({ data }) => {
  document.querySelector("output").textContent = data;
};
document.querySelector("button").onclick = () => worker.postMessage({ record: "Clicked" });
