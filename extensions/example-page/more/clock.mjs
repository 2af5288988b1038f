// A module: shows the time in the corner of the page.
const clock = document.createElement("time");
clock.id = "example_page_clock";
const tick = () => (clock.textContent = new Date().toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }));
tick();
setInterval(tick, 10_000);
document.body.append(clock);
