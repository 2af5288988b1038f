// The page's start: waits until Gradio has built the form, then wires each part.
import { watchJobs } from "./alerts.js";
import { wireCompletion } from "./completion.js";
import { connect } from "./connection.js";
import { showExamples, wireControls } from "./controls.js";
import { wireCounts } from "./counts.js";
import { byId, present } from "./dom.js";
import { wireExtras } from "./extras.js";
import { fields } from "./fields.js";
import { restore, sendAlong, suggestSize, wireForm } from "./form.js";
import { wireExtensions } from "./extensions.js";
import { wireGallery } from "./gallery.js";
import { wireHires } from "./hires.js";
import { wireInfotext } from "./infotext.js";
import { wireKeys } from "./keys.js";
import { localize } from "./localization.js";
import { wireMerger } from "./merger.js";
import { wireNetworks } from "./networks/networks.js";
import { wireProgress } from "./progress.js";
import { wireQueue } from "./queue.js";
import { wireRepeat } from "./repeat.js";
import { wireReading } from "./reading.js";
import { wireReadingPanel } from "./reading-panel.js";
import { wireRecognised } from "./recognised.js";
import { wireRemarks } from "./remarks.js";
import { wireResize } from "./resize.js";
import { carried, missing } from "./source/carry.js";
import { outpainted, wireOutpaint } from "./source/outpaint.js";
import { leadToPane, wirePane } from "./source/pane.js";
import { wireScripts } from "./scripts.js";
import { wireSearch } from "./search.js";
import { wireAdded } from "./added.js";
import { wireSettings } from "./settings.js";
import { wireStage } from "./stage.js";
import { watch } from "./store.js";
import { wireStyles } from "./style-chooser.js";
import { wireTabs } from "./tabs.js";

let checkpoint = null;

/** Take in what the server says of the checkpoint in use. */
function meet(about) {
  checkpoint = JSON.parse(about || "{}");
  showExamples(checkpoint.examples ?? []);
  document.documentElement.toggleAttribute("data-several-checkpoints", checkpoint.count > 1);
}

/** Settings may be changed in another tab or by a program. */
function followSettings() {
  watch((what, data) => {
    const wanted = what === "settings" ? data.model?.checkpoint : null;
    const known = [checkpoint?.filename, checkpoint?.name];
    if (wanted && !known.includes(wanted)) byId("easel_look_again")?.click();
  });
}

/** What helps with writing prompts. */
function wirePrompts() {
  wireStyles();
  wireCompletion();
  wireKeys();
  wireCounts();
  wireRemarks();
  wireRecognised();
  wireReadingPanel();
  wireReading();
  wireNetworks();
  wireInfotext();
}

/** What belongs to pictures that begin with a picture. */
function wirePictures() {
  wirePane();
  wireResize();
  wireOutpaint();
  sendAlong({
    missing,
    carried,
    lead: leadToPane,
    sent(job, kind) {
      if (kind === "outpaint") outpainted(job);
      byId("easel_stage").scrollIntoView({ block: "nearest", behavior: "smooth" });
    },
  });
}

async function start() {
  const outside = fields.filter((field) => !field.fold).map((field) => field.id);
  await present([...outside, "easel_stage", "easel_gallery", "txt2img_generate", "txt2img_seed", "easel_prompt_tools", "easel_alerts", "easel_source", "tabs"]);
  wireForm();
  wireControls();
  wireTabs();
  wirePrompts();
  wireHires();
  wireScripts();
  wireAdded();
  wirePictures();
  wireStage();
  wireProgress();
  wireQueue();
  wireRepeat();
  wireGallery();
  wireSearch();
  watchJobs();
  wireExtras();
  wireMerger();
  wireSettings();
  wireExtensions();
  followSettings();
  connect();
  window.easelTheme?.apply();
  window.easel.checkpoint = (about) => {
    meet(about);
    suggestSize(checkpoint.resolution);
  };
  window.easelStarted = (about) => {
    meet(about);
    restore(checkpoint.resolution);
  };
  if (window.easelAbout !== undefined) window.easelStarted(window.easelAbout);
  localize();
  document.documentElement.dataset.easel = "ready";
}

start();
