// Every script in javascript/ is loaded with the page.
document.documentElement.dataset.examplePage = "loaded";
