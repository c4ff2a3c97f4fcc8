// SPDX-License-Identifier: BSD-2-Clause
// Search, zoom and keyboard of the SVG flame graph. Embedded by export/formats/svg.c; runs in any browser, also from
// file://. Without it the file is a plain image. Keeps to itself: defines no global.
(() => {
"use strict";

const SVG = "http://www.w3.org/2000/svg";
const XHTML = "http://www.w3.org/1999/xhtml";
const INFERNO = "http://github.com/jonhoo/inferno";
const MARGIN = 10;
const TEXT_INSET = 4;
const MIN_PX = 0.1; // narrower frames are hidden while zoomed out
const WIDE_PX = 3; // narrower frames have no border, which would hide them
const ROW = 18;

const root = document.documentElement;
const byId = id => document.getElementById(id);
const area = byId("frames");
const total = Number(area.getAttribute("total_samples")) || 1;
const height = Number(root.getAttribute("height"));
const measure = document.createElementNS(XHTML, "canvas").getContext("2d");
const widths = new Map(); // text -> pixels

const frames = Array.from(area.children, readFrame);
const frameOfElement = new Map(frames.map(f => [f.g, f]));
const rows = groupRows();
const state = { x: 0, w: total, zoomed: null, selected: null, width: 0, ignoreCase: false };
const ui = {};

function readFrame(g, index) {
	const rect = g.querySelector("rect");
	const title = g.querySelector("title").textContent;
	const y = Number(rect.getAttribute("y"));
	return {
		g, rect, index, title, y,
		text: g.querySelector("text"),
		name: title.slice(0, title.lastIndexOf(" (")),
		x: Number(rect.getAttributeNS(INFERNO, "x")),
		w: Number(rect.getAttributeNS(INFERNO, "w")),
	};
}

// Frames by row, each row from left to right; depth 0 is the root.
function groupRows() {
	const bottom = frames[0].y;
	const result = [];
	for (const f of frames) {
		f.depth = (bottom - f.y) / ROW;
		(result[f.depth] = result[f.depth] || []).push(f);
	}
	for (const row of result)
		row.sort((a, b) => a.x - b.x);
	return result;
}

function make(name, attributes, parent) {
	const element = document.createElementNS(SVG, name);
	for (const key in attributes)
		element.setAttribute(key, attributes[key]);
	return parent.appendChild(element);
}

// ---- drawing

function textWidth(text) {
	let w = widths.get(text);
	if (w === undefined) {
		w = measure.measureText(text).width;
		widths.set(text, w);
	}
	return w;
}

// As much of a name as fits, by its mean width: measuring every prefix would take too long.
function fit(name, px) {
	if (px < 24)
		return "";
	const short = name.length > 400 ? name.slice(0, 400) : name;
	let w = textWidth(short);
	if (w <= px && short === name)
		return name;
	const letters = Array.from(short);
	let n = Math.min(letters.length, Math.floor(letters.length * px / w));
	while (n > 1 && measure.measureText(letters.slice(0, n).join("") + "\u2026").width > px)
		n--;
	return n > 1 ? letters.slice(0, n).join("") + "\u2026" : "";
}

function setText(f, left, px) {
	const shown = fit(f.name, px - 2 * TEXT_INSET);
	if (!f.text) {
		if (!shown)
			return;
		f.text = make("text", { y: f.y + 13, dx: TEXT_INSET }, f.g);
	}
	f.text.textContent = shown;
	f.text.setAttribute("x", left + "%");
}

function draw() {
	const end = state.x + state.w;
	for (const f of frames) {
		const from = Math.max(f.x, state.x);
		const w = Math.min(f.x + f.w, end) - from;
		const px = w / state.w * state.width;
		const shown = w > 0 && px >= MIN_PX || f.depth === 0;
		f.g.style.display = shown ? "" : "none";
		if (!shown)
			continue;
		const left = (from - state.x) / state.w * 100;
		f.rect.setAttribute("x", left + "%");
		f.rect.setAttribute("width", (total ? w / state.w * 100 : 100) + "%");
		f.g.classList.toggle("outer", state.zoomed !== null && f.depth < state.zoomed.depth);
		f.g.classList.toggle("wide", px >= WIDE_PX);
		setText(f, left, px);
	}
	ui.reset.style.display = state.zoomed ? "" : "none";
}

// The page's width decides; header and footer stay in view while tall graphs scroll.
function resize() {
	const width = root.clientWidth || window.innerWidth;
	state.width = Math.max(width - 2 * MARGIN, 100);
	area.setAttribute("width", state.width);
	byId("culled").setAttribute("x", width - MARGIN - 2);
	placeControls(width);
	stick();
	draw();
}

function stick() {
	const visible = Math.min(window.innerHeight, height);
	byId("header").setAttribute("transform", `translate(0,${Math.max(0, Math.min(window.scrollY, height - visible))})`);
	byId("footer").setAttribute("transform",
		`translate(0,${Math.min(window.scrollY + visible, height) - 40})`);
}

// ---- zoom and selection

function zoom(f) {
	state.zoomed = f && f.depth ? f : null;
	state.x = state.zoomed ? f.x : 0;
	state.w = (state.zoomed ? f.w : total) || 1;
	draw();
}

function describe(f) {
	byId("details").textContent = f ? fit(f.title, state.width - 60) || f.title : "";
	byId("culled").style.display = f ? "none" : "";
}

function select(f) {
	if (state.selected)
		state.selected.g.classList.remove("selected");
	state.selected = f;
	if (!f)
		return describe(null);
	f.g.classList.add("selected");
	describe(f);
	const top = f.y - 64, bottom = f.y + ROW + 40;
	if (window.scrollY > top)
		window.scrollTo(0, top);
	else if (window.scrollY + window.innerHeight < bottom)
		window.scrollTo(0, bottom - window.innerHeight);
}

const isShown = f => f.g.style.display !== "none";
const contains = (outer, inner) => inner.x >= outer.x && inner.x + inner.w <= outer.x + outer.w;

// The frame that an arrow key leads to: up to the widest callee, down to the caller, sideways along the row.
function neighbour(f, key) {
	if (key === "ArrowDown")
		return f.depth ? rows[f.depth - 1].find(p => contains(p, f)) : null;
	if (key === "ArrowUp")
		return (rows[f.depth + 1] || []).filter(c => isShown(c) && contains(f, c))
			.reduce((best, c) => !best || c.w > best.w ? c : best, null);
	const row = rows[f.depth].filter(isShown);
	return row[row.indexOf(f) + (key === "ArrowLeft" ? -1 : 1)] || null;
}

// ---- search

function compile(term) {
	try {
		return new RegExp(term, state.ignoreCase ? "i" : "");
	} catch (invalid) {
		return null;
	}
}

// Samples below any matching frame, those below several counted once: parents come before children in the file.
function mark(regex) {
	let covered = 0, sum = 0;
	const matches = [];
	for (const f of frames) {
		const hit = regex !== null && f.depth > 0 && regex.test(f.name);
		f.g.classList.toggle("match", hit);
		if (hit)
			matches.push(f);
	}
	matches.sort((a, b) => a.x - b.x || b.w - a.w);
	for (const f of matches) {
		if (f.x + f.w <= covered)
			continue;
		sum += f.x + f.w - Math.max(covered, f.x);
		covered = f.x + f.w;
	}
	return sum;
}

function search() {
	const term = ui.input.value;
	const regex = term ? compile(term) : null;
	const invalid = term !== "" && regex === null;
	const sum = mark(regex);
	const matched = byId("matched");
	matched.classList.toggle("error", invalid);
	matched.textContent = !term ? "" : invalid ? "not a regular expression" :
		`Matched: ${(sum / total * 100).toFixed(2)}%`;
	area.classList.toggle("searching", regex !== null);
}

function toggleCase() {
	state.ignoreCase = !state.ignoreCase;
	ui.ignoreCase.classList.toggle("on", state.ignoreCase);
	ui.ignoreCase.setAttribute("aria-pressed", state.ignoreCase);
	search();
}

// ---- controls

function button(id, label, width, hint, action) {
	const g = make("g", { id, class: "button", role: "button", tabindex: 0, "aria-label": hint }, byId("header"));
	make("title", {}, g).textContent = hint;
	make("rect", { width, height: 26, rx: 5 }, g);
	make("text", { x: width / 2, y: 17 }, g).textContent = label;
	g.addEventListener("click", action);
	g.addEventListener("keydown", event => {
		if (event.key === "Enter" || event.key === " ") {
			action();
			event.preventDefault();
			event.stopPropagation();
		}
	});
	return g;
}

function makeControls() {
	const holder = make("foreignObject", { id: "search", width: 220, height: 26, y: 15 }, byId("header"));
	ui.holder = holder;
	ui.input = holder.appendChild(document.createElementNS(XHTML, "input"));
	ui.input.setAttribute("type", "text");
	ui.input.setAttribute("placeholder", "Search (regex)   Ctrl-F");
	ui.input.setAttribute("aria-label", "Search for functions by regular expression");
	ui.input.setAttribute("spellcheck", "false");
	ui.input.addEventListener("input", search);
	ui.ignoreCase = button("ignorecase", "aA", 34, "Ignore case (Ctrl-I)", toggleCase);
	ui.ignoreCase.setAttribute("aria-pressed", "false");
	ui.reset = button("unzoom", "Reset zoom", 92, "Show everything (Home)", () => zoom(null));
	make("text", { id: "matched", y: 32 }, byId("header"));
}

function placeControls(width) {
	const right = width - MARGIN - 2;
	const narrow = width < 760; // no room beside the title
	ui.ignoreCase.setAttribute("transform", `translate(${right - 34},15)`);
	ui.holder.setAttribute("x", right - 34 - 226);
	ui.reset.setAttribute("transform", `translate(${right - 34 - 226 - 98},15)`);
	byId("matched").setAttribute("x", right - 34 - 226 - 98 - 12);
	byId("title").style.display = byId("subtitle").style.display = narrow ? "none" : "";
}

function onKey(event) {
	const inInput = event.target === ui.input;
	if ((event.ctrlKey || event.metaKey) && event.key === "f" || event.key === "F3" || event.key === "/" && !inInput) {
		ui.input.focus();
		ui.input.select();
	} else if ((event.ctrlKey || event.metaKey) && event.key === "i") {
		toggleCase();
	} else if (event.key === "Escape") {
		if (inInput && ui.input.value) {
			ui.input.value = "";
			search();
		} else if (inInput) {
			ui.input.blur();
		} else if (state.selected) {
			select(null);
		} else {
			zoom(null);
		}
	} else if (inInput || event.ctrlKey || event.metaKey || event.altKey) {
		return;
	} else if (event.key === "Home") {
		zoom(null);
	} else if (event.key === "Enter" && state.selected) {
		zoom(state.selected);
	} else if (event.key.startsWith("Arrow")) {
		const next = state.selected ? neighbour(state.selected, event.key) : state.zoomed || frames[0];
		if (next)
			select(next);
	} else {
		return;
	}
	event.preventDefault();
}

function frameOf(event) {
	const g = event.target.closest ? event.target.closest("#frames > g") : null;
	return g ? frameOfElement.get(g) : null;
}

function start() {
	root.removeAttribute("viewBox");
	root.setAttribute("width", "100%");
	measure.font = getComputedStyle(byId("details")).font;
	makeControls();
	area.addEventListener("click", event => {
		const f = frameOf(event);
		if (f)
			zoom(f);
	});
	area.addEventListener("mouseover", event => describe(frameOf(event)));
	area.addEventListener("mouseleave", () => describe(state.selected));
	window.addEventListener("keydown", onKey);
	window.addEventListener("resize", resize);
	window.addEventListener("scroll", stick);
	resize();
	// The first frames are at the bottom.
	window.scrollTo(0, height);
}

start();
})();
