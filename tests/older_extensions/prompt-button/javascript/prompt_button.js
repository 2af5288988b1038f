// A button that writes into the prompt of the tab it stands in.
onUiLoaded(function () {
    for (const tab of ["txt2img", "img2img"]) {
        const button = document.createElement("button");
        button.id = tab + "_fox_button";
        button.textContent = "fox";
        button.className = "lg secondary gradio-button";
        button.addEventListener("click", function () {
            const box = gradioApp().querySelector("#" + tab + "_prompt > label > textarea");
            box.value = (box.value ? box.value + ", " : "") + "fox";
            updateInput(box);
        });
        gradioApp().getElementById(tab + "_actions_column").appendChild(button);
    }
});
