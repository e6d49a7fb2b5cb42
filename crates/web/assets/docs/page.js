// Fills the list of documents from /openapi and shows the chosen one.
// The choice is kept in the address (#quota), so that a link leads back to it.

const choice = document.getElementById("document");
const source = document.getElementById("source");

function show() {
  const url = choice.value;
  source.href = url;
  window.SwaggerUIBundle({
    url,
    dom_id: "#ui",
    presets: [window.SwaggerUIBundle.presets.apis],
    layout: "BaseLayout",
    // The default would send the document to a server on the internet.
    validatorUrl: null,
    persistAuthorization: false,
  });
}

async function start() {
  const answer = await fetch("/openapi");
  const { documents } = await answer.json();
  for (const { service, title, url } of documents) {
    const option = new Option(title, url);
    option.dataset.service = service;
    option.selected = location.hash === `#${service}`;
    choice.add(option);
  }
  choice.addEventListener("change", () => {
    history.replaceState(null, "", `#${choice.selectedOptions[0].dataset.service}`);
    show();
  });
  show();
}

start();
