// Shows the document that the page's address asks for, or the first.
window.addEventListener("load", function () {
  const links = Array.from(document.querySelectorAll("nav a"));
  const wanted = new URLSearchParams(window.location.search).get("document");
  const link = links.find((l) => l.textContent === wanted) || links[0];
  link.setAttribute("aria-current", "page");
  window.ui = SwaggerUIBundle({
    url: link.dataset.document,
    dom_id: "#viewer",
    deepLinking: true,
    docExpansion: "none",
    displayRequestDuration: true,
    validatorUrl: null,
    presets: [SwaggerUIBundle.presets.apis],
  });
});
