/** Records at every click, with whichever entry of the package is given. */
export function page({ onDelivery, record }) {
  document.body.innerHTML = '<button type="button">Record</button><output></output>';
  onDelivery(({ state }) => {
    document.querySelector("output").textContent = state;
  });
  document.querySelector("button").onclick = () => record({ name: "Clicked" });
}

export const config = JSON.parse(new URLSearchParams(location.search).get("config"));
