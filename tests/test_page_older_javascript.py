"""What scripts of extensions for the older UI expect of the page, in a real browser: names, moments, elements."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.page_support import Visit, open_page
from tests.server import RunningServer, running_server

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser


def words(text: str) -> list[str]:
    return text.split()


GLOBALS = words(
    "gradioApp onUiLoaded onUiUpdate onAfterUiUpdate onUiTabChange onOptionsChanged onOptionsAvailable "
    "get_uiCurrentTab get_uiCurrentTabContent get_tab_index create_tab_index_args updateInput switch_to_txt2img "
    "switch_to_img2img switch_to_inpaint switch_to_sketch switch_to_inpaint_sketch switch_to_extras submit "
    "submit_img2img create_submit_args args_to_array restart_reload all_gallery_buttons selected_gallery_button "
    "selected_gallery_index extract_image_from_gallery requestProgress randomId setRandomSeed switchWidthHeight "
    "onEdit extraNetworksControlRefreshOnClick popup closePopup localSet localGet localRemove uiElementIsVisible "
    "uiElementInSight inputAccordionChecked setupInputAccordion copyToClipboard request requestGet cardClicked "
    "appendContextMenuOption removeContextMenuOption selectCheckpoint selectVAE getTranslation"
)
IDS = words(
    "txt2img_prompt img2img_prompt txt2img_neg_prompt img2img_neg_prompt txt2img_generate img2img_generate "
    "txt2img_interrupt img2img_interrupt txt2img_skip img2img_skip txt2img_gallery img2img_gallery txt2img_width "
    "img2img_width txt2img_height img2img_height txt2img_cfg_scale img2img_cfg_scale txt2img_steps img2img_steps "
    "txt2img_sampling img2img_sampling txt2img_seed img2img_seed txt2img_subseed img2img_subseed txt2img_results "
    "img2img_results txt2img_settings img2img_settings txt2img_script_container img2img_script_container tab_txt2img "
    "tab_img2img tabs quicksettings setting_sd_model_checkpoint img2img_image img2maskimg html_info_txt2img "
    "txt2img_actions_column img2img_actions_column txt2img_tools img2img_tools txt2img_generate_box txt2img_styles "
    "img2img_styles txt2img_token_counter img2img_token_counter image_buttons_txt2img image_buttons_img2img "
    "txt2img_random_seed img2img_random_seed txt2img_reuse_seed img2img_reuse_seed mode_img2img "
    "img2img_denoising_strength txt2img_batch_size img2img_batch_count"
)

SCRIPT = """
// Names that our files have too: an extension may declare them.
let titles = { own: true };
function pad2(x) { return "mine" + x; }
const heard = { loaded: 0, updates: 0, after: 0, tabs: [], options: 0, available: 0, behind: 0 };
onUiLoaded(() => { throw new Error("the first callback is broken"); });
onUiLoaded(() => {
  heard.loaded += 1;
  heard.prompt = Boolean(gradioApp().querySelector("#txt2img_prompt > label > textarea"));
  const button = document.createElement("button");
  button.id = "my_button";
  button.textContent = "mine";
  gradioApp().getElementById("img2img_actions_column").appendChild(button);
  const near = document.createElement("button");
  near.id = "my_near_button";
  near.textContent = "near";
  document.getElementById("img2img_prompt").parentNode.insertBefore(near, null);
});
onUiUpdate((changes) => { heard.updates += 1; heard.changes = Array.isArray(changes); });
onUiUpdate(() => { throw new Error("the second callback is broken"); });
onAfterUiUpdate(() => { heard.after += 1; });
onUiTabChange(() => heard.tabs.push(get_uiCurrentTab().innerText + "/" + get_uiCurrentTabContent().id));
onOptionsAvailable(() => { heard.available += 1; heard.model = opts.sd_model_checkpoint; });
onOptionsChanged(() => { heard.options += 1; });
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    data = tmp_path_factory.mktemp("easel")
    for folder, name, text in (
        ("javascript", "mine.js", SCRIPT),
        ("scripts", "mine.py", "import modules.scripts"),
    ):
        place = data / "extensions" / "old-script" / folder
        place.mkdir(parents=True)
        (place / name).write_text(text)
    with running_server(data, "--skip-load-model-at-start") as running:
        yield running


@pytest.fixture
def visit(window: Page, server: RunningServer) -> Iterator[Visit]:
    with open_page(window, server, refusals=True) as visit:
        visit.page.wait_for_function("typeof heard !== 'undefined' && heard.loaded && heard.tabs.length")
        yield visit
        # Each broken callback is told once, however often it fails.
        broken = [text for text in visit.complaints if "callback is broken" in text]
        assert len(broken) == len(set(broken)) == 2 and visit.complaints == broken
        visit.complaints.clear()


def run(visit: Visit, code: str, value: object = None) -> Any:
    return visit.page.evaluate(code, value)


def until(visit: Visit, condition: str) -> None:
    visit.page.wait_for_function(condition)


def open_tab(visit: Visit, kind: str) -> None:
    visit.page.click(f"#tab_{kind}-button")
    visit.page.wait_for_selector(f"html[data-tab={kind}]")


def test_names_and_elements_are_there(visit: Visit) -> None:
    assert run(visit, "names => names.filter((name) => typeof window[name] !== 'function')", GLOBALS) == []
    assert run(visit, "ids => ids.filter((id) => !document.getElementById(id))", IDS) == []
    assert run(visit, "pad2(1) + titles.own") == "mine1true"
    inputs = [
        f"#{tab}_{name}" for tab in ("txt2img", "img2img") for name in ("steps", "seed", "width", "subseed")
    ]
    assert run(visit, "s => s.filter((one) => !gradioApp().querySelector(one + ' input'))", inputs) == []


def test_when_extensions_hear_of_what(visit: Visit) -> None:
    until(visit, "heard.updates > 0 && heard.after > 0 && heard.available === 1")
    assert run(visit, "[heard.loaded, heard.prompt, heard.changes]") == [1, True, True]
    assert "starter" in run(visit, "heard.model") and run(visit, "opts.samples_format") == "png"
    before = run(visit, "heard.updates")
    run(visit, "document.body.append(document.createElement('i'))")
    until(visit, f"heard.updates > {before}")
    assert run(visit, "heard.tabs") == ["txt2img/tab_txt2img"]
    open_tab(visit, "img2img")
    until(visit, "heard.tabs.length === 2")
    open_tab(visit, "extras")
    until(visit, "heard.tabs.length === 3")
    assert run(visit, "heard.tabs") == ["txt2img/tab_txt2img", "img2img/tab_img2img", "Extras/tab_extras"]
    assert run(visit, "get_tab_index('tabs')") == 4
    count = run(visit, "heard.options")
    assert run(visit, "easelOlder.setOptions({eta_noise_seed_delta: 7})")
    until(visit, f"heard.options > {count} && opts.eta_noise_seed_delta === 7")


def test_shared_fields_by_both_names(visit: Visit) -> None:
    box = "gradioApp().querySelector('#{}_prompt > label > textarea')"
    for tab, text in (("txt2img", "a fox"), ("img2img", "a wolf")):
        run(visit, f"text => {{ const box = {box.format(tab)}; box.value = text; updateInput(box); }}", text)
        visit.expect("txt2img_prompt", text)
        for other in ("txt2img", "img2img"):
            assert run(visit, f"{box.format(other)}.value") == text
    until(visit, "JSON.parse(localStorage['easel.form.txt2img'] ?? '{}').values?.prompt === 'a wolf'")
    run(visit, f"() => {{ const box = {box.format('img2img')}; box.focus(); box.setSelectionRange(2, 4); }}")
    assert run(
        visit, "[document.activeElement.closest('.block').id, document.activeElement.selectionStart]"
    ) == [
        "txt2img_prompt",
        2,
    ]
    for field, value in (("img2img_steps", "7"), ("img2img_subseed", "12"), ("img2img_cfg_scale", "3")):
        run(
            visit,
            "([id, value]) => { const input = document.querySelector(`#${id} input`);"
            " input.value = value; updateInput(input); }",
            [field, value],
        )
        visit.expect(field.replace("img2img", "txt2img"), value)
        assert run(visit, "id => document.querySelector(`#${id} input`).value", field) == value


def test_what_extensions_put_beside_is_seen_in_its_tabs(visit: Visit) -> None:
    assert not visit.page.locator("#my_button").is_visible()
    assert not visit.page.locator("#my_near_button").is_visible()
    for kind in ("img2img", "inpaint"):
        open_tab(visit, kind)
        visit.page.locator("#my_button").wait_for()
        visit.page.locator("#my_near_button").wait_for()
    open_tab(visit, "txt2img")
    visit.page.locator("#my_button").wait_for(state="hidden")


def test_the_open_tab_and_its_contents(visit: Visit) -> None:
    found = "get_uiCurrentTabContent().querySelector('[id$=_prompt] textarea')?.closest('.block').id"
    assert run(visit, found) == "txt2img_prompt"
    assert run(visit, "switch_to_img2img(1, 2)") == [1, 2]
    until(visit, "get_uiCurrentTab().innerText === 'img2img'")
    assert run(visit, found) == "txt2img_prompt"
    run(visit, "switch_to_inpaint_sketch()")
    until(visit, "get_tab_index('mode_img2img') === 3")
    run(visit, "switch_to_sketch()")
    until(visit, "get_tab_index('mode_img2img') === 1")
    run(visit, "document.querySelector('#mode_img2img').querySelectorAll('button')[0].click()")
    until(visit, "get_tab_index('mode_img2img') === 0")
    run(visit, "switch_to_extras()")
    until(visit, "get_uiCurrentTabContent().id === 'tab_extras'")
    run(visit, "switch_to_txt2img()")
    until(visit, "get_uiCurrentTabContent().id === 'tab_txt2img'")


def test_helpers(visit: Visit) -> None:
    assert run(visit, "create_submit_args([1, [], 2, 3])") == [1, None, 2, 3]
    assert run(visit, "(function () { return args_to_array(arguments) })(1, 2)") == [1, 2]
    assert run(
        visit, "[localGet('nothing', 'else'), (localSet('it', 3), localGet('it')), localRemove('it')]"
    )[:2] == [
        "else",
        "3",
    ]
    assert run(visit, "uiElementIsVisible(document.querySelector('#txt2img_prompt'))")
    assert not run(visit, "uiElementIsVisible(document.querySelector('#img2img_prompt textarea'))")
    assert run(visit, "uiElementInSight(document.querySelector('#txt2img_prompt'))")
    run(visit, "setRandomSeed('img2img_seed')")
    visit.expect("txt2img_seed", "-1")
    visit.set("txt2img_width", 256)
    run(visit, "switchWidthHeight('txt2img')")
    visit.expect("txt2img_height", "256")
    run(visit, "popup(Object.assign(document.createElement('p'), {textContent: 'over the page'}))")
    visit.page.get_by_text("over the page").wait_for()
    run(visit, "closePopup()")
    visit.page.get_by_text("over the page").wait_for(state="hidden")
    run(visit, "cardClicked('img2img', '<lora:x:' + extraNetworksDefaultMultiplier + '>', '', false)")
    until(visit, "document.querySelector('#txt2img_prompt textarea').value.endsWith('<lora:x:1>')")
    run(visit, "cardClicked('txt2img', '<lora:x:1>', '', false)")
    until(visit, "!document.querySelector('#txt2img_prompt textarea').value.includes('<lora')")
    run(visit, "appendContextMenuOption('#txt2img_generate', 'Again', () => (window.again = true))")
    visit.page.click("#txt2img_generate", button="right")
    visit.page.get_by_role("button", name="Again", exact=True).click()
    assert run(visit, "window.again")


def test_generate_gallery_and_progress(visit: Visit) -> None:
    visit.set("txt2img_steps", 2)
    run(
        visit,
        "() => { const mine = submit; window.submit = (...args) => { window.pressed = true; return mine(...args); }; }",
    )
    run(visit, "gradioApp().querySelector('#txt2img_generate').click()")
    until(visit, "all_gallery_buttons().length === 1")
    assert run(visit, "window.pressed")
    until(visit, "selected_gallery_index() === 0")
    assert run(visit, "document.querySelectorAll('#txt2img_gallery img').length") == 1
    assert run(visit, "extract_image_from_gallery(['a'])") == ["a"]
    run(
        visit,
        "requestProgress(randomId(), document.querySelector('#txt2img_gallery'), null,"
        " () => (window.ended = 1), null, 0)",
    )
    until(visit, "window.ended === 1")
    assert run(visit, "submit(0, 'x')[0]").startswith("task(")


def test_pasting_and_sending(visit: Visit, tmp_path: Path) -> None:
    recipe = (
        "a red fox\nNegative prompt: blurred\nSteps: 9, Sampler: Euler, CFG scale: 4, Seed: 77, Size: 192x160"
    )
    run(visit, "recipe => easelOlder.paste('txt2img', recipe)", recipe)
    for field, value in (
        ("prompt", "a red fox"),
        ("neg_prompt", "blurred"),
        ("steps", "9"),
        ("height", "160"),
    ):
        visit.expect(f"txt2img_{field}", value)
    run(visit, "recipe => easelOlder.paste('img2img', recipe.replace('192x160', '128x144'))", recipe)
    visit.page.wait_for_selector("html[data-tab=img2img]")
    visit.expect("img2img_height", "144")
    data = run(
        visit,
        "() => { const paper = document.createElement('canvas'); paper.width = 64; paper.height = 48;"
        " paper.getContext('2d').fillRect(0, 0, 64, 48); return paper.toDataURL(); }",
    )
    run(visit, "data => easelOlder.sendImage('inpaint', data)", data)
    visit.page.wait_for_selector("html[data-tab=inpaint]")
    until(visit, "document.querySelector('#img2img_image img')?.src.includes('easel/inputs/')")
    run(visit, "data => easelOlder.sendImage('extras', data)", data)
    visit.page.wait_for_selector("html[data-tab=extras]")
    visit.page.locator("#extras_pictures img").wait_for()


def test_a_phone_shows_no_empty_bars(window: Page, server: RunningServer) -> None:
    with open_page(window, server, 390, 844) as visit:
        page = visit.page
        page.wait_for_function("typeof heard !== 'undefined' && heard.loaded")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        bars = "[...document.querySelectorAll('.easel-older-bar')]"
        assert page.evaluate(f"{bars}.filter((bar) => bar.getClientRects().length).length") == 0
        visit.complaints.clear()  # the broken callbacks'
