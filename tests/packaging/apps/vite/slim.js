import wasm from "forebay/forebay_wasm_bg.wasm?url";
import { configure, onDelivery, record } from "forebay/slim";

configure(JSON.parse(new URLSearchParams(location.search).get("config")), () => fetch(wasm));
onDelivery(({ state }) => {
  document.querySelector("output").textContent = state;
});
document.querySelector("button").onclick = () => record({ name: "Clicked" });
