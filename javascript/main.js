// The page's start: waits until Gradio has built the form, then wires each part.
import { watchJobs } from "./alerts.js";
import { wireCompletion } from "./completion.js";
import { connect } from "./connection.js";
import { showExamples, wireControls } from "./controls.js";
import { wireCounts } from "./counts.js";
import { byId, present } from "./dom.js";
import { wireExtras } from "./extras.js";
import { blockOf, fields, named } from "./fields.js";
import { restore, suggestSize, wireForm } from "./form.js";
import { wireGallery } from "./gallery.js";
import { wireKeys } from "./keys.js";
import { wireMerger } from "./merger.js";
import { wireProgress } from "./progress.js";
import { wireQueue } from "./queue.js";
import { wireReading } from "./reading.js";
import { wireReadingPanel } from "./reading-panel.js";
import { wireRemarks } from "./remarks.js";
import { wireStage } from "./stage.js";
import { watch } from "./store.js";
import { wireStyles } from "./style-chooser.js";

let checkpoint = null;

/** Take in what the server says of the checkpoint in use. */
function meet(about) {
  checkpoint = JSON.parse(about || "{}");
  showExamples(checkpoint.examples ?? []);
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
  wireReadingPanel();
  wireReading();
}

async function start() {
  const outside = fields.filter((field) => !field.name.includes(".")).map((field) => field.id);
  await present([...outside, "easel_stage", "easel_gallery", "txt2img_generate", "txt2img_seed", "easel_prompt_tools", "easel_alerts"]);
  wireForm();
  wireControls();
  wirePrompts();
  wireStage();
  wireProgress();
  wireQueue();
  wireGallery();
  watchJobs();
  wireExtras();
  wireMerger();
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
  document.documentElement.dataset.easel = "ready";
}

start();
