// Counts how often "Keep it" was pressed, and says when the tab is open.
let notePresses = 0;

function noteCount(text, loud) {
    notePresses += 1;
    gradioApp().getElementById("note_output").dataset.presses = notePresses;
    return [text, loud];
}

onUiTabChange(function () {
    document.documentElement.dataset.noteTab = get_uiCurrentTab().textContent.trim();
});
