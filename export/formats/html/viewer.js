// SPDX-License-Identifier: BSD-2-Clause
// The viewer of the HTML flame graph. Embedded by export/formats/html.c together with page.html and viewer.css; reads
// the samples from the JSON in the page. Names come from programs that may be hostile: they only ever become text
// (textContent, canvas text), never markup.
//
// Parts: model (samples -> trees), view (what is shown), painter (canvas), table, facts, controls.
// The only global is window.onecollect: read-only facts about what is shown, for tests and for the console.
(() => {
"use strict";

const ROW = 20; // pixels from one row of frames to the next
const GAP = 1; // of these, between two rows
const INSET = 5; // from a frame's edge to its name
const MIN_PX = 0.7; // narrower frames are drawn as a pale strip, without what is above them
const TEXT_PX = 22; // narrower frames bear no name
const TABLE_ROW = 26;
const ZOOM_MS = 180;
const KINDS = {
	u: "user", k: "kernel", j: "JIT", i: "inlined", g: "group",
};

// Eight shades for each kind of code, from export/formats/flame.h: the same function has the same one in the SVG.
const PALETTES = {
	light: {
		u: "f2ac7b fcb882 ffc589 eeb574 f6c27d fdcf86 e6bf73 edcc7d",
		k: "8ec6e7 9cd0f5 aadaff 9bc6f0 a9d0fd b8daff aac6f6 b8d0ff",
		j: "97ce98 9ddaa7 a4e6b6 8dd4a8 94e0b8 9becc7 84d9b9 8ce5c9",
		i: "c5b3ea d4bcf4 e2c6fd d3b3e7 e1bdf0 f0c7f9 dfb4e3 eebeeb",
		g: "dcdfe3 dcdfe3 dcdfe3 dcdfe3 dcdfe3 dcdfe3 dcdfe3 dcdfe3",
	},
	dark: {
		u: "73421c 7d4e24 875a2c 714a15 7a561f 83632a 6e5213 765e20",
		k: "1e5673 2e6080 3d6a8d 2f577b 3e6087 4c6a94 3e5781 4d618d",
		j: "345b35 3b6643 427250 2b6042 336b50 3b775d 23644f 2c6f5d",
		i: "574477 654e81 73588b 634575 714e7e 7f5887 6e4672 7c507a",
		g: "3a3f47 3a3f47 3a3f47 3a3f47 3a3f47 3a3f47 3a3f47 3a3f47",
	},
};

const $ = id => document.getElementById(id);
const number = new Intl.NumberFormat("en-US");
const count = n => number.format(n);
// A weight of the graph with its unit: "1,234 samples", "12.5 ms", "3.1 MiB".
const scaled = (n, step, units) => {
	let i = 0;
	for (; i + 1 < units.length && n >= step; i++)
		n /= step;
	return `${i ? n.toFixed(1) : count(n)} ${units[i]}`;
};
const amount = n => ({
	nanoseconds: () => scaled(n, 1000, ["ns", "\u00b5s", "ms", "s"]),
	bytes: () => scaled(n, 1024, ["B", "KiB", "MiB", "GiB", "TiB"]),
})[data.kind.unit]?.() ?? `${count(n)} ${data.kind.unit}`;
const share = (part, whole, digits = 2) => `${(whole ? part / whole * 100 : 0).toFixed(digits)}%`;
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
// The page lays out no more of a name than anyone would read.
const brief = (text, letters = 1000) => text.length > letters ? `${text.slice(0, letters)}\u2026` : text;
const basename = path => path.slice(path.lastIndexOf("/") + 1);

function element(tag, text, className) {
	const e = document.createElement(tag);
	if (text !== undefined)
		e.textContent = text;
	if (className)
		e.className = className;
	return e;
}

// ---- model: the data of the page, and trees made of it -----------------------------------------------------------

const data = JSON.parse($("data").textContent);
const model = readModel();

// A symbol is whatever a frame can show: functions first, then programs, processes and threads as groups.
function readModel() {
	const nrFunctions = data.functions.length / 3;
	const m = {
		nrFunctions, names: [], kinds: [], shades: [], modules: [],
		parents: new Int32Array(data.frames.length / 2 + 1),
		functions: new Int32Array(data.frames.length / 2 + 1),
		groups: { none: [], program: [], process: [], thread: [] },
	};
	for (let i = 0; i < nrFunctions; i++) {
		m.names.push(data.functions[3 * i]);
		m.modules.push(data.functions[3 * i + 1]);
		m.kinds.push(data.functions[3 * i + 2][0]);
		m.shades.push(Number(data.functions[3 * i + 2][1]));
	}
	for (let id = 1; id < m.parents.length; id++) {
		m.parents[id] = id - data.frames[2 * id - 2];
		m.functions[id] = data.frames[2 * id - 1];
	}
	addGroups(m);
	m.root = addSymbol(m, "all");
	return m;
}

function addSymbol(m, name) {
	m.names.push(name);
	m.kinds.push("g");
	m.shades.push(0);
	m.modules.push(-1);
	return m.names.length - 1;
}

// For each way of grouping and each thread: the symbols above its stacks.
function addGroups(m) {
	const programs = new Map();
	const processes = data.processes.map(name => {
		const program = name.replace(/-\d+$/, "");
		if (!programs.has(program))
			programs.set(program, addSymbol(m, program));
		return { symbol: addSymbol(m, name), program: programs.get(program) };
	});
	for (let i = 0; i < data.threads.length; i += 2) {
		const process = processes[data.threads[i]];
		m.groups.none.push([]);
		m.groups.program.push([process.program]);
		m.groups.process.push([process.symbol]);
		m.groups.thread.push([process.symbol, addSymbol(m, data.threads[i + 1])]);
	}
}

// A growing tree: nodes in the order they are made, node 0 is the root. Children are found by (parent, symbol).
function newTrie() {
	const trie = { symbols: [model.root], parents: [0], selfs: [0], index: new Map() };
	const nrSymbols = model.names.length;
	trie.child = (parent, symbol) => {
		const key = parent * nrSymbols + symbol;
		let node = trie.index.get(key);
		if (node === undefined) {
			node = trie.symbols.length;
			trie.symbols.push(symbol);
			trie.parents.push(parent);
			trie.selfs.push(0);
			trie.index.set(key, node);
		}
		return node;
	};
	return trie;
}

// The node of a frame below `base`; each frame is looked up once per base.
function frameNode(trie, base, frame, known) {
	const path = [];
	while (frame && !known.has(frame)) {
		path.push(frame);
		frame = model.parents[frame];
	}
	let node = frame ? known.get(frame) : base;
	while (path.length) {
		const id = path.pop();
		node = trie.child(node, model.functions[id]);
		known.set(id, node);
	}
	return node;
}

function buildTree(grouping, reverse) {
	const trie = newTrie();
	const known = new Map(); // base node -> frame -> node
	const paths = model.groups[grouping];
	for (let i = 0; i < data.samples.length; i += 3) {
		const frame = data.samples[i + 1];
		let node = 0;
		for (const symbol of paths[data.samples[i]])
			node = trie.child(node, symbol);
		if (reverse) {
			for (let at = frame; at; at = model.parents[at])
				node = trie.child(node, model.functions[at]);
		} else {
			if (!known.has(node))
				known.set(node, new Map());
			node = frameNode(trie, node, frame, known.get(node));
		}
		trie.selfs[node] += data.samples[i + 2];
	}
	return layOut(trie);
}

// Children of each node as linked lists, the heaviest first: nodes are put in front, so the lightest comes first.
function linkChildren(trie, totals) {
	const nr = totals.length;
	const order = Array.from({ length: nr - 1 }, (_, i) => i + 1);
	const names = model.names, symbols = trie.symbols;
	order.sort((a, b) => totals[a] - totals[b] ||
		(names[symbols[a]] < names[symbols[b]] ? 1 : names[symbols[a]] > names[symbols[b]] ? -1 : b - a));
	const first = new Int32Array(nr), next = new Int32Array(nr);
	for (const node of order) {
		next[node] = first[trie.parents[node]];
		first[trie.parents[node]] = node;
	}
	return { first, next };
}

// Renumbers the nodes depth first, so that what is below node i are the nodes i+1 .. end[i]-1: painting, hit tests and
// totals are loops over arrays.
function layOut(trie) {
	const nr = trie.symbols.length;
	const totals = Float64Array.from(trie.selfs);
	for (let i = nr - 1; i > 0; i--)
		totals[trie.parents[i]] += totals[i];
	const { first, next } = linkChildren(trie, totals);
	const tree = {
		nr, symbol: new Int32Array(nr), parent: new Int32Array(nr), end: new Int32Array(nr),
		depth: new Int32Array(nr), start: new Float64Array(nr), self: new Float64Array(nr), total: new Float64Array(nr),
	};
	const idOf = new Int32Array(nr);
	const filled = new Float64Array(nr); // samples of the children that have their place
	let id = 0, old = 0;
	for (;;) {
		idOf[old] = id;
		const parent = old ? idOf[trie.parents[old]] : 0;
		tree.symbol[id] = trie.symbols[old];
		tree.parent[id] = parent;
		tree.depth[id] = old ? tree.depth[parent] + 1 : 0;
		tree.self[id] = trie.selfs[old];
		tree.total[id] = totals[old];
		tree.start[id] = old ? tree.start[parent] + filled[parent] : 0;
		if (old)
			filled[parent] += totals[old];
		id++;
		if (first[old]) {
			old = first[old];
			continue;
		}
		tree.end[id - 1] = id;
		while (old && !next[old]) {
			old = trie.parents[old];
			tree.end[idOf[old]] = id;
		}
		if (!old)
			return tree;
		old = next[old];
	}
}

// Calls visit(symbol, self, total) for the functions below a node; total counts recursion once.
function sumFunctions(tree, top) {
	const selfs = new Float64Array(model.names.length), totals = new Float64Array(model.names.length);
	const until = new Int32Array(model.names.length); // end of the outermost node of this symbol
	for (let i = top; i < tree.end[top]; i++) {
		const symbol = tree.symbol[i];
		selfs[symbol] += tree.self[i];
		if (i >= until[symbol]) {
			totals[symbol] += tree.total[i];
			until[symbol] = tree.end[i];
		}
	}
	return { selfs, totals };
}

// ---- view: what is shown -----------------------------------------------------------------------------------------

const view = {
	tree: null,
	icicle: false,
	reverse: false,
	grouping: "program",
	colouring: "kind",
	dark: false,
	focus: 0, // node that is zoomed to
	from: 0, to: 1, // range of samples that fills the width
	history: [], // nodes that were zoomed to before
	selected: -1, // node chosen by keyboard
	hovered: -1,
	marks: null, // per symbol: matched by the search
	ignoreCase: false,
	matched: 0,
	drawn: 0, // frames in the last picture
};
const plain = buildTree("none", false);
const whole = sumFunctions(plain, 0);

function nodeName(node) {
	return model.names[view.tree.symbol[node]];
}

function setTree() {
	view.tree = view.grouping === "none" && !view.reverse ? plain : buildTree(view.grouping, view.reverse);
	view.focus = 0;
	view.history = [];
	view.selected = view.hovered = -1;
	view.from = 0;
	view.to = Math.max(view.tree.total[0], 1);
	$("callees").setAttribute("aria-pressed", !view.reverse);
	$("callers").setAttribute("aria-pressed", view.reverse);
	$("grouping").value = view.grouping;
	measureMatches();
	showCrumbs();
	resize();
	scrollToFocus();
	updateTable();
}

let animation = 0;

// Moves to another range of samples; short, so that the eye can follow, or at once when motion is unwelcome.
function moveTo(from, to) {
	const startFrom = view.from, startTo = view.to, startTime = performance.now();
	const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
	cancelAnimationFrame(animation);
	const step = now => {
		const t = still ? 1 : clamp((now - startTime) / ZOOM_MS, 0, 1);
		const eased = 1 - (1 - t) ** 3;
		view.from = startFrom + (from - startFrom) * eased;
		view.to = startTo + (to - startTo) * eased;
		paint();
		if (t < 1)
			animation = requestAnimationFrame(step);
	};
	step(startTime);
}

function zoom(node, remember = true) {
	if (remember && node !== view.focus)
		view.history.push(view.focus);
	view.focus = node;
	showCrumbs();
	resize();
	scrollToFocus();
	moveTo(view.tree.start[node], view.tree.start[node] + Math.max(view.tree.total[node], 1));
	updateTable();
	say(`Zoomed to ${brief(nodeName(node), 200)}`);
}

function goBack() {
	if (view.history.length)
		zoom(view.history.pop(), false);
	else if (view.focus || view.from > 0 || view.to < view.tree.total[0])
		zoom(0, false);
}

// Zooms by wheel around the sample under the pointer, without leaving the whole.
function zoomAround(fraction, factor) {
	const total = Math.max(view.tree.total[0], 1);
	const width = clamp((view.to - view.from) * factor, Math.min(total, 1), total);
	const at = view.from + fraction * (view.to - view.from);
	const from = clamp(at - fraction * width, 0, total - width);
	cancelAnimationFrame(animation);
	view.from = from;
	view.to = from + width;
	requestPaint();
}

function pan(samples) {
	const width = view.to - view.from;
	view.from = clamp(view.from + samples, 0, Math.max(view.tree.total[0], 1) - width);
	view.to = view.from + width;
	requestPaint();
}

// For screen readers.
function say(text) {
	$("status").textContent = text;
}

// ---- search ------------------------------------------------------------------------------------------------------

function compile(term, ignoreCase) {
	try {
		return new RegExp(term, ignoreCase ? "i" : "");
	} catch (invalid) {
		return null;
	}
}

function search() {
	const term = $("search").value;
	const regex = term ? compile(term, view.ignoreCase) : null;
	view.marks = regex ? Uint8Array.from(model.names, (name, i) => i !== model.root && regex.test(name)) : null;
	$("searchbox").classList.toggle("invalid", term !== "" && !regex);
	$("search").setAttribute("aria-invalid", term !== "" && !regex);
	measureMatches();
	if (term && !regex)
		$("matched").textContent = "not a regex";
	paint();
	showVisibleRows();
}

// Samples with a match anywhere in their stack: the topmost matching nodes, each with all that is below it.
function measureMatches() {
	const tree = view.tree;
	view.matched = 0;
	if (view.marks) {
		for (let i = 0; i < tree.nr;) {
			const hit = view.marks[tree.symbol[i]];
			view.matched += hit ? tree.total[i] : 0;
			i = hit ? tree.end[i] : i + 1;
		}
	}
	$("matched").textContent = view.marks ? share(view.matched, tree.total[0]) : "";
	$("matched").title = view.marks ? `${amount(view.matched)} of ${amount(tree.total[0])}` : "";
}

function searchFor(name) {
	$("search").value = `^${name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}$`;
	search();
}

function clearSearch() {
	$("search").value = "";
	search();
}

// ---- painter -----------------------------------------------------------------------------------------------------

const canvas = $("canvas");
const context = canvas.getContext("2d");
const scroller = $("scroller");
const colours = {}; // of the page's style
const textWidths = new Map();
const geometry = { width: 0, height: 0, content: 0 };
let paintRequested = false;

function requestPaint() {
	if (paintRequested)
		return;
	paintRequested = true;
	requestAnimationFrame(() => {
		paintRequested = false;
		paint();
	});
}

// Reads what the style sheet says, so that colours other than the frames' stand in one place.
function readColours() {
	const style = getComputedStyle(document.documentElement);
	for (const name of ["bg", "frame-text", "accent", "on-accent", "outline"])
		colours[name] = style.getPropertyValue(`--${name}`).trim();
	colours.font = `12px ${style.getPropertyValue("--font").trim()}`;
	const palette = PALETTES[view.dark ? "dark" : "light"];
	colours.kinds = Object.fromEntries(Object.entries(palette).map(([k, list]) => [k, list.split(" ").map(c => `#${c}`)]));
	textWidths.clear();
}

// Hues that are far apart for neighbouring numbers (golden angle).
function moduleColour(module) {
	const hue = (module * 137.508 + 28) % 360;
	return view.dark ? `hsl(${hue} 30% 34%)` : `hsl(${hue} 62% 80%)`;
}

function symbolColour(symbol) {
	const kind = model.kinds[symbol];
	if (view.colouring === "module" && kind !== "g")
		return moduleColour(model.modules[symbol]);
	return colours.kinds[kind][model.shades[symbol]];
}

// Deepest level that the zoomed part of the tree reaches.
function deepest() {
	let depth = 0;
	for (let i = view.focus; i < view.tree.end[view.focus]; i++)
		depth = Math.max(depth, view.tree.depth[i]);
	return depth;
}

function resize() {
	const ratio = devicePixelRatio || 1;
	geometry.width = scroller.clientWidth;
	geometry.height = scroller.clientHeight;
	geometry.content = Math.max((deepest() + 1) * ROW + 2 * INSET, geometry.height);
	$("spacer").style.height = `${geometry.content - geometry.height}px`;
	if (canvas.width !== Math.round(geometry.width * ratio) || canvas.height !== Math.round(geometry.height * ratio)) {
		canvas.width = Math.round(geometry.width * ratio);
		canvas.height = Math.round(geometry.height * ratio);
		canvas.style.width = `${geometry.width}px`;
		canvas.style.height = `${geometry.height}px`;
	}
	paint();
}

function rowTop(depth) {
	const y = view.icicle ? INSET + depth * ROW : geometry.content - INSET - (depth + 1) * ROW;
	return y - scroller.scrollTop;
}

function depthAt(y) {
	const content = y + scroller.scrollTop;
	return Math.floor(view.icicle ? (content - INSET) / ROW : (geometry.content - INSET - content) / ROW);
}

function textWidth(text) {
	let width = textWidths.get(text);
	if (width === undefined) {
		width = context.measureText(text).width;
		textWidths.set(text, width);
	}
	return width;
}

// As much of a name as fits; the length is guessed from the mean width, then shortened until it is right.
function fit(name, px) {
	const short = name.length > 500 ? name.slice(0, 500) : name;
	const width = textWidth(short);
	if (width <= px && short === name)
		return name;
	let n = Math.min(short.length, Math.ceil(short.length * px / width));
	while (n > 0 && context.measureText(`${short.slice(0, n)}\u2026`).width > px)
		n--;
	if (n > 0 && /[\ud800-\udbff]/.test(short[n - 1]))
		n--;
	return n > 1 ? `${short.slice(0, n)}\u2026` : "";
}

function box(left, top, width) {
	// A gap between neighbours, but never one that swallows a narrow frame.
	context.fillRect(left, top, width > 3 ? width - 1 : width, ROW - GAP);
}

function paintFrame(node, left, right, top) {
	const symbol = view.tree.symbol[node];
	const matched = view.marks && view.marks[symbol];
	context.globalAlpha = view.marks && !matched ? 0.3 : view.tree.depth[node] < view.tree.depth[view.focus] ? 0.55 : 1;
	context.fillStyle = matched ? colours.accent : symbolColour(symbol);
	box(left, top, right - left);
	if (right - left >= TEXT_PX) {
		const text = fit(model.names[symbol], right - left - 2 * INSET);
		context.globalAlpha = Math.max(context.globalAlpha, 0.6);
		context.fillStyle = matched ? colours["on-accent"] : colours["frame-text"];
		context.fillText(text, left + INSET, top + (ROW - GAP) / 2 + 0.5);
	}
}

function outline(node, width) {
	if (node < 0)
		return;
	const [left, right] = extent(node);
	const top = rowTop(view.tree.depth[node]);
	context.globalAlpha = 1;
	context.lineWidth = width;
	context.strokeStyle = colours.outline;
	context.strokeRect(left + width / 2, top + width / 2, Math.max(right - left - 1 - width, 1), ROW - GAP - width);
}

// Where a node lies in the picture, cut to it.
function extent(node) {
	const scale = geometry.width / (view.to - view.from);
	const left = (view.tree.start[node] - view.from) * scale;
	return [Math.max(left, 0), Math.min(left + view.tree.total[node] * scale, geometry.width)];
}

function paint() {
	const ratio = devicePixelRatio || 1, tree = view.tree;
	const strips = []; // per depth: pixel up to which a strip of narrow frames is drawn
	context.setTransform(ratio, 0, 0, ratio, 0, 0);
	context.clearRect(0, 0, geometry.width, geometry.height);
	context.font = colours.font;
	context.textBaseline = "middle";
	view.drawn = 0;
	for (let node = 0; node < tree.nr;) {
		const [left, right] = extent(node);
		const depth = tree.depth[node];
		const top = rowTop(depth);
		const visible = top > -ROW && top < geometry.height;
		if (right <= left && node) {
			node = tree.end[node];
		} else if (right - left < MIN_PX && node) {
			if (visible && !(Math.floor(left) <= strips[depth])) {
				strips[depth] = Math.floor(left);
				context.globalAlpha = view.marks ? 0.2 : 0.5;
				context.fillStyle = symbolColour(tree.symbol[node]);
				context.fillRect(strips[depth], top, 1, ROW - GAP);
			}
			node = tree.end[node];
		} else {
			if (visible) {
				paintFrame(node, left, node ? right : geometry.width, top);
				view.drawn++;
			}
			node++;
		}
	}
	outline(view.hovered, 1);
	outline(view.selected, 2);
}

// ---- pointer -----------------------------------------------------------------------------------------------------

// The node under a point of the canvas, -1 = none.
function nodeAt(x, y) {
	const tree = view.tree, depth = depthAt(y);
	const sample = view.from + x / geometry.width * (view.to - view.from);
	let node = 0;
	if (depth < 0 || sample < 0 || sample >= Math.max(tree.total[0], 1))
		return -1;
	while (tree.depth[node] < depth) {
		let child = node + 1;
		while (child < tree.end[node] && tree.start[child] + tree.total[child] <= sample)
			child = tree.end[child];
		if (child >= tree.end[node])
			return -1;
		node = child;
	}
	return node;
}

function line(tip, label, self, total, all) {
	const row = element("div", undefined, "tip-row");
	row.append(element("span", label, "muted"));
	row.append(element("span", `${data.kind.unit === "samples" ? count(total) : amount(total)}  ${share(total, all)}`));
	if (self !== null)
		row.append(element("span", `self ${share(self, all)}`, "muted"));
	tip.append(row);
}

function showTip(node, x, y) {
	const tip = $("tip"), tree = view.tree;
	if (node < 0) {
		tip.hidden = true;
		return;
	}
	const symbol = tree.symbol[node], isFunction = symbol < model.nrFunctions;
	const about = element("div", undefined, "tip-about");
	const swatch = element("span", undefined, "swatch");
	swatch.style.background = symbolColour(symbol);
	about.append(swatch, isFunction ? KINDS[model.kinds[symbol]] : symbol === model.root ? "everything" : "group");
	const module = isFunction ? data.modules[model.modules[symbol]] : "";
	if (module)
		about.append(" \u00b7 ", element("span", brief(module, 300)));
	tip.replaceChildren(element("div", brief(model.names[symbol]), "tip-name"), about);
	line(tip, "this frame", view.reverse ? null : tree.self[node], tree.total[node], tree.total[0]);
	if (view.focus)
		line(tip, "of the zoom", null, tree.total[node], tree.total[view.focus]);
	if (isFunction)
		line(tip, "everywhere", whole.selfs[symbol], whole.totals[symbol], plain.total[0]);
	tip.hidden = false;
	tip.style.left = `${clamp(x + 14, 8, innerWidth - tip.offsetWidth - 8)}px`;
	tip.style.top = `${y + 20 + tip.offsetHeight > innerHeight ? Math.max(y - tip.offsetHeight - 12, 8) : y + 20}px`;
}

function hover(event) {
	const rect = canvas.getBoundingClientRect();
	const node = nodeAt(event.clientX - rect.left, event.clientY - rect.top);
	if (node !== view.hovered) {
		view.hovered = node;
		requestPaint();
	}
	canvas.style.cursor = node >= 0 ? "pointer" : "default";
	showTip(node, event.clientX, event.clientY);
}

function leave() {
	view.hovered = -1;
	$("tip").hidden = true;
	requestPaint();
}

function wheel(event) {
	const samplesPerPixel = (view.to - view.from) / geometry.width;
	if (event.ctrlKey || event.metaKey) {
		const rect = canvas.getBoundingClientRect();
		zoomAround((event.clientX - rect.left) / geometry.width, Math.exp(clamp(event.deltaY, -60, 60) / 200));
	} else if (event.deltaX || event.shiftKey) {
		pan((event.deltaX || event.deltaY) * samplesPerPixel);
	} else {
		return;
	}
	event.preventDefault();
}

// ---- zoom path ---------------------------------------------------------------------------------------------------

function crumb(node, current) {
	const button = element("button", brief(nodeName(node), 300));
	button.type = "button";
	button.title = button.textContent;
	if (current)
		button.setAttribute("aria-current", "location");
	button.addEventListener("click", () => zoom(node));
	return button;
}

// The way from the root to the zoomed node; the middle of a long one is left out.
function showCrumbs() {
	const path = [];
	for (let node = view.focus; node; node = view.tree.parent[node])
		path.unshift(node);
	path.unshift(0);
	const parts = [];
	path.forEach((node, i) => {
		if (i > 1 && i < path.length - 4) {
			if (i === 2)
				parts.push(element("span", `\u2026 ${path.length - 6} more`, "muted"));
			return;
		}
		parts.push(crumb(node, i === path.length - 1));
	});
	$("crumbs").replaceChildren(...parts);
}

// Brings the zoomed frame near the edge that its callees grow away from.
function scrollToFocus() {
	const depth = view.tree.depth[view.focus];
	if (view.icicle)
		scroller.scrollTop = Math.max(depth - 3, 0) * ROW;
	else
		scroller.scrollTop = geometry.content - geometry.height - Math.max(depth - 3, 0) * ROW;
}

// ---- table of functions ------------------------------------------------------------------------------------------

const table = { sort: "self", descending: true, rows: [], selfs: whole.selfs, totals: whole.totals, all: plain.total[0] };

// The table is about what is zoomed to; in the view of callers, whose totals mean something else, about everything.
function updateTable() {
	const zoomed = !view.reverse && view.focus;
	const sums = zoomed ? sumFunctions(view.tree, view.focus) : whole;
	table.selfs = sums.selfs;
	table.totals = sums.totals;
	table.all = zoomed ? view.tree.total[view.focus] : plain.total[0];
	$("scope").textContent = zoomed ? `in ${brief(nodeName(view.focus), 300)}` : "";
	$("scope").title = zoomed ? amount(table.all) : "";
	filterTable();
}

function filterTable() {
	const term = $("filter").value;
	const regex = term ? compile(term, true) : null;
	$("filter").setAttribute("aria-invalid", term !== "" && !regex);
	table.rows = [];
	for (let i = 0; i < model.nrFunctions; i++) {
		if (table.totals[i] && (!regex || regex.test(model.names[i]) || regex.test(data.modules[model.modules[i]])))
			table.rows.push(i);
	}
	sortTable();
}

function sortTable() {
	const text = { name: i => model.names[i], module: i => data.modules[model.modules[i]] }[table.sort];
	const value = table.sort === "self" ? table.selfs : table.totals, other = table.sort === "self" ? table.totals : table.selfs;
	const sign = table.descending ? -1 : 1;
	table.rows.sort((a, b) => sign * (text ? (text(a) < text(b) ? -1 : text(a) > text(b) ? 1 : 0) : value[a] - value[b]) ||
		other[b] - other[a] || a - b);
	for (const th of $("table").querySelectorAll("th")) {
		if (th.dataset.sort === table.sort)
			th.setAttribute("aria-sort", table.descending ? "descending" : "ascending");
		else
			th.removeAttribute("aria-sort");
	}
	$("tablebox").scrollTop = 0;
	showVisibleRows();
}

function sortBy(column) {
	table.descending = table.sort === column ? !table.descending : column === "self" || column === "total";
	table.sort = column;
	sortTable();
}

function weightCell(value) {
	const cell = element("td", undefined, "weight");
	cell.textContent = share(value, table.all);
	cell.title = amount(value);
	// A bar behind the number; the style sheet draws it.
	cell.style.setProperty("--share", share(value, table.all));
	return cell;
}

function tableRow(i) {
	const row = element("tr");
	const name = element("td", undefined, "text"), swatch = element("span", undefined, "swatch");
	const path = data.modules[model.modules[i]], module = element("td", brief(basename(path), 300), "text muted");
	swatch.style.background = symbolColour(i);
	name.append(swatch, brief(model.names[i]));
	name.title = `${brief(model.names[i])} (${KINDS[model.kinds[i]]})`;
	module.title = brief(path);
	row.append(weightCell(table.selfs[i]), weightCell(table.totals[i]), name, module);
	row.dataset.function = i;
	row.tabIndex = -1;
	if (view.marks && view.marks[i])
		row.className = "match";
	return row;
}

// Only the rows in sight exist; two empty ones stand for those above and below.
function showVisibleRows() {
	const box = $("tablebox");
	const from = clamp(Math.floor(box.scrollTop / TABLE_ROW) - 5, 0, table.rows.length);
	const to = Math.min(from + Math.ceil(box.clientHeight / TABLE_ROW) + 10, table.rows.length);
	const above = element("tr"), below = element("tr");
	above.style.height = `${from * TABLE_ROW}px`;
	below.style.height = `${(table.rows.length - to) * TABLE_ROW}px`;
	$("rows").replaceChildren(above, ...table.rows.slice(from, to).map(tableRow), below);
	if (!table.rows.length)
		$("rows").append(emptyRow());
}

function emptyRow() {
	const row = element("tr"), cell = element("td", "No function matches.", "text muted");
	cell.colSpan = 4;
	row.append(cell);
	return row;
}

// ---- facts about the recording -----------------------------------------------------------------------------------

function bytes(n) {
	const unit = n >= 2 ** 30 ? [2 ** 30, "GiB"] : n >= 2 ** 20 ? [2 ** 20, "MiB"] : n >= 1024 ? [1024, "KiB"] : [1, "B"];
	return `${(n / unit[0]).toFixed(unit[0] > 1 ? 1 : 0)} ${unit[1]}`;
}

function facts(title, rows, picture) {
	const list = element("dl");
	for (const [label, value, note] of rows) {
		if (value === "")
			continue;
		const dd = element("dd", value);
		if (note)
			dd.append(element("p", note, "muted"));
		list.append(element("dt", label), dd);
	}
	return list.childElementCount ? [element("h2", title), picture || "", list] : [];
}

// Counted reasons, each with the sentence that explains it.
function reasons(list, all) {
	return list.map(r => [r.name.replace(/_/g, " "), `${count(r.count)}  ${all ? share(r.count, all) : ""}`, r.text]);
}

function meter(part, all, label) {
	const bar = element("div", undefined, "meter");
	bar.style.setProperty("--share", share(part, all));
	bar.setAttribute("role", "img");
	bar.setAttribute("aria-label", label);
	return bar;
}

const some = (n, text) => n ? text(n) : "";
const seconds = data.recording.duration_ns / 1e9;
const rate = some(data.kind.period_ns, ns => `${Math.round(1e9 / ns)} Hz`);
const lost = data.ledger.lost.reduce((sum, reason) => sum + reason.count, 0);

function recordingFacts(r) {
	return facts("Recording", [
		["Command", r.command], ["Host", r.host], ["System", r.os],
		["Start", some(r.start_ms, ms => new Date(ms).toLocaleString())],
		["Duration", some(seconds, s => `${s.toFixed(1)} s`)],
		["CPUs", some(r.cpus, count)],
		["Kind", rate ? `${data.kind.name} at ${rate}` : data.kind.name],
		["Recorder", r.tool],
	]);
}

function sampleFacts(l) {
	return [
		...facts("Samples", [
			["Taken", count(l.taken)],
			["Kept", `${count(l.kept)}  ${share(l.kept, l.taken)}`],
			["Lost", `${count(lost)}  ${share(lost, l.taken)}`],
			...reasons(l.lost, l.taken),
			["Due", some(l.due, count), "online CPU time divided by the sampling period"],
			["Idle", some(l.idle, count), "the CPU had nothing to do"],
			["Filtered", some(l.filtered, count), "of tasks that were not asked for"],
		]),
		...facts("User stacks", [
			["Complete", some(l.stacks, all => `${count(l.complete)} of ${count(all)}  ${share(l.complete, all)}`)],
			...reasons(l.incomplete, l.stacks),
		], meter(l.complete, l.stacks, "share of complete stacks")),
		...facts("Notes", reasons(l.notes, 0)),
	];
}

function costFacts(c) {
	return facts("Cost of recording", [
		["CPU", some(c.user_s + c.system_s, s => `${s.toFixed(2)} s`),
			some(seconds, s => `${share(c.user_s + c.system_s, s)} of one CPU`)],
		["BPF", some(c.bpf_runs, n => `${(c.bpf_ns / n / 1000).toFixed(2)} \u00b5s each`), `${count(c.bpf_runs || 0)} runs`],
		["Memory", some(c.peak_rss_bytes, bytes), some(c.map_bytes, n => `and ${bytes(n)} in the kernel`)],
		["From kernel", some(c.kernel_to_user_bytes, bytes)],
	]);
}

function showHeading() {
	const r = data.recording;
	const parts = [data.kind.unit === "samples" ? `${count(data.total)} ${data.kind.name} samples` : `${amount(data.total)} of ${data.kind.name}`, rate, some(seconds, n => `${n.toFixed(1)} s`), r.host,
		`${count(lost)} lost`];
	$("title").textContent = brief(r.command.replace(/^\S*\//, "")) || "Flame graph";
	$("title").title = brief(r.command);
	$("subtitle").textContent = $("subtitle").title = parts.filter(part => part).join("  \u00b7  ");
	document.title = `${$("title").textContent} \u2013 ${data.kind.name}`;
}

// What the colours mean, and how the samples divide.
function showLegend() {
	const sums = new Map();
	const byModule = view.colouring === "module";
	for (let i = 0; i < model.nrFunctions; i++) {
		const key = byModule ? model.modules[i] : model.kinds[i];
		sums.set(key, (sums.get(key) || 0) + whole.selfs[i]);
	}
	const top = [...sums].sort((a, b) => b[1] - a[1]).filter(([, sum]) => sum).slice(0, 8);
	$("legend").replaceChildren(...top.map(([key, sum]) => {
		const item = element("span", undefined, "legend-item"), swatch = element("span", undefined, "swatch");
		swatch.style.background = byModule ? moduleColour(key) : colours.kinds[key][1];
		const label = byModule ? basename(data.modules[key]) || "unknown" : KINDS[key];
		item.append(swatch, label, element("span", share(sum, plain.total[0], 1), "muted"));
		item.title = byModule ? data.modules[key] : "";
		return item;
	}));
}

// ---- controls ----------------------------------------------------------------------------------------------------

function setTheme(dark) {
	view.dark = dark;
	document.documentElement.dataset.theme = dark ? "dark" : "light";
	$("theme").textContent = dark ? "Light" : "Dark";
	readColours();
	showLegend();
	showVisibleRows();
	if (view.tree)
		paint();
}

function setOrientation(icicle) {
	view.icicle = icicle;
	$("flame").setAttribute("aria-pressed", !icicle);
	$("icicle").setAttribute("aria-pressed", icicle);
	resize();
	scrollToFocus();
	paint();
}

function setReverse(reverse) {
	view.reverse = reverse;
	setTree();
}

function setGrouping(grouping) {
	view.grouping = grouping;
	setTree();
}

function setColouring(colouring) {
	view.colouring = $("colouring").value = colouring;
	showLegend();
	showVisibleRows();
	paint();
}

function togglePanel() {
	const hidden = $("main").classList.toggle("alone");
	$("panel").setAttribute("aria-pressed", !hidden);
	resize();
	showVisibleRows();
}

function toggleCase() {
	view.ignoreCase = !view.ignoreCase;
	$("ignorecase").setAttribute("aria-pressed", view.ignoreCase);
	search();
}

function showTab(name) {
	for (const tab of ["functions", "recording"]) {
		$(tab).hidden = tab !== name;
		$(`tab-${tab}`).setAttribute("aria-selected", tab === name);
	}
	showVisibleRows();
}

function setSideWidth(px) {
	$("side").style.width = `${clamp(px, 240, Math.max(innerWidth - 320, 240))}px`;
	resize();
	showVisibleRows();
}

function cycle(id, set) {
	const select = $(id);
	set(select.options[(select.selectedIndex + 1) % select.options.length].value);
}

const KEYS = [
	["/  or  Ctrl-F", "search", () => { $("search").focus(); $("search").select(); }],
	["Ctrl-I", "ignore case", toggleCase],
	["Arrows", "walk along the frames"],
	["Enter", "zoom to the chosen frame"],
	["Esc", "leave the search, then go back"],
	["Backspace", "go back", goBack],
	["Home", "show everything", () => zoom(0)],
	["Ctrl-wheel", "zoom at the pointer; Shift-wheel moves sideways"],
	["I", "flame or icicle", () => setOrientation(!view.icicle)],
	["R", "callers or callees", () => setReverse(!view.reverse)],
	["G", "next grouping", () => cycle("grouping", setGrouping)],
	["C", "next colouring", () => cycle("colouring", setColouring)],
	["F", "show or hide the panel", togglePanel],
	["T", "light or dark", () => setTheme(!view.dark)],
	["?", "these keys", showKeys],
];

function showKeys() {
	const list = element("dl");
	for (const [key, text] of KEYS)
		list.append(element("dt", key), element("dd", text));
	const close = element("button", "Close");
	close.type = "button";
	close.addEventListener("click", () => $("keys").close());
	$("keys").replaceChildren(element("h2", "Keys"), list, close);
	$("keys").showModal();
}

// The node that an arrow key leads to: to the caller, to the heaviest callee, or along the row.
function neighbour(node, key) {
	const tree = view.tree, away = view.icicle ? "ArrowDown" : "ArrowUp";
	if (key === away)
		return node + 1 < tree.end[node] ? node + 1 : node;
	if (key === "ArrowUp" || key === "ArrowDown")
		return tree.parent[node];
	const step = key === "ArrowLeft" ? -1 : 1;
	for (let i = node + step; i > 0 && i < tree.nr; i += step) {
		const [left, right] = extent(i);
		if (tree.depth[i] === tree.depth[node] && right - left >= MIN_PX)
			return i;
	}
	return node;
}

function select(node) {
	const tree = view.tree;
	view.selected = node;
	const top = rowTop(tree.depth[node]), rect = canvas.getBoundingClientRect();
	if (top < 0)
		scroller.scrollTop += top - ROW;
	else if (top + ROW > geometry.height)
		scroller.scrollTop += top + 2 * ROW - geometry.height;
	paint();
	showTip(node, rect.left + extent(node)[0], rect.top + rowTop(tree.depth[node]));
	say(`${brief(nodeName(node), 200)}, ${amount(tree.total[node])}, ${share(tree.total[node], tree.total[0])}`);
}

function escape(inField) {
	$("tip").hidden = true;
	if (view.selected >= 0 && !inField) {
		view.selected = -1;
		paint();
	} else if ($("search").value) {
		clearSearch();
	} else if (inField) {
		scroller.focus();
	} else {
		goBack();
	}
}

function onKey(event) {
	const inField = event.target.matches("input, select");
	const onGraph = event.target === scroller || event.target === document.body;
	const control = event.ctrlKey || event.metaKey;
	const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
	const found = KEYS.find(([name, , action]) => action && name.toLowerCase() === key.toLowerCase());
	if ($("keys").open)
		return;
	if (control ? key === "f" : key === "/" && !inField)
		KEYS[0][2]();
	else if (control && key === "i")
		toggleCase();
	else if (key === "Escape")
		escape(inField);
	else if (control || event.altKey || inField)
		return;
	else if (key === "Enter" && onGraph && view.selected >= 0)
		zoom(view.selected);
	else if (key.startsWith("Arrow") && onGraph)
		select(view.selected < 0 ? view.focus : neighbour(view.selected, key));
	else if (found)
		found[2]();
	else
		return;
	event.preventDefault();
}

function dragDivider(event) {
	const divider = $("divider");
	divider.setPointerCapture(event.pointerId);
	divider.onpointermove = move => setSideWidth(innerWidth - move.clientX);
	divider.onpointerup = () => { divider.onpointermove = null; };
}

function connectGraph() {
	canvas.addEventListener("mousemove", hover);
	canvas.addEventListener("mouseleave", leave);
	canvas.addEventListener("click", () => {
		view.selected = -1;
		if (view.hovered >= 0)
			zoom(view.hovered);
	});
	scroller.addEventListener("wheel", wheel, { passive: false });
	scroller.addEventListener("scroll", () => { leave(); paint(); });
	new ResizeObserver(() => { resize(); showVisibleRows(); }).observe(scroller);
}

function connectTable() {
	$("tablebox").addEventListener("scroll", showVisibleRows);
	$("filter").addEventListener("input", filterTable);
	for (const th of $("table").querySelectorAll("th"))
		th.firstElementChild.addEventListener("click", () => sortBy(th.dataset.sort));
	const choose = event => {
		const row = event.target.closest("tr[data-function]");
		if (row && (event.type === "click" || event.key === "Enter"))
			searchFor(model.names[row.dataset.function]);
	};
	$("rows").addEventListener("click", choose);
	$("rows").addEventListener("keydown", choose);
}

function connectControls() {
	$("flame").addEventListener("click", () => setOrientation(false));
	$("icicle").addEventListener("click", () => setOrientation(true));
	$("callees").addEventListener("click", () => setReverse(false));
	$("callers").addEventListener("click", () => setReverse(true));
	$("grouping").addEventListener("change", event => setGrouping(event.target.value));
	$("colouring").addEventListener("change", event => setColouring(event.target.value));
	$("search").addEventListener("input", search);
	$("ignorecase").addEventListener("click", toggleCase);
	$("panel").addEventListener("click", togglePanel);
	$("theme").addEventListener("click", () => setTheme(!view.dark));
	$("help").addEventListener("click", showKeys);
	$("tab-functions").addEventListener("click", () => showTab("functions"));
	$("tab-recording").addEventListener("click", () => showTab("recording"));
	$("divider").addEventListener("pointerdown", dragDivider);
	$("divider").addEventListener("keydown", event => {
		if (event.key === "ArrowLeft" || event.key === "ArrowRight")
			setSideWidth($("side").offsetWidth + (event.key === "ArrowLeft" ? 24 : -24));
	});
	addEventListener("keydown", onKey);
	matchMedia("(prefers-color-scheme: dark)").addEventListener("change", event => setTheme(event.matches));
}

// Sums by function name, as a plain object without a prototype: names may be anything, "__proto__" too.
function byName(values) {
	const result = Object.create(null);
	for (let i = 0; i < model.nrFunctions; i++)
		result[model.names[i]] = (result[model.names[i]] || 0) + values[i];
	return result;
}

// window.onecollect: what is shown, in numbers. For tests and for the console; changes nothing.
//   total                 samples in the recording
//   selfByFunction()      {name: samples with it as leaf}, of the whole recording; kinds of one name added up
//   totalByFunction()     {name: samples with it anywhere}, likewise
//   matched()             samples that the search matches, null without a search
//   view()                direction, grouping, names on the way to the zoomed frame, its samples, frames drawn
//   tree()                [depth, name, samples] of every node of the graph as it is shown, depth first
function exposeFacts() {
	const facts = {
		total: data.total,
		selfByFunction: () => byName(whole.selfs),
		totalByFunction: () => byName(whole.totals),
		matched: () => view.marks ? view.matched : null,
		view: () => ({
			icicle: view.icicle, reverse: view.reverse, grouping: view.grouping, dark: view.dark,
			zoom: Array.from($("crumbs").querySelectorAll("button"), b => b.textContent),
			samples: view.tree.total[view.focus], nodes: view.tree.nr, drawn: view.drawn,
		}),
		tree: () => Array.from(view.tree.symbol, (s, i) => [view.tree.depth[i], model.names[s], view.tree.total[i]]),
	};
	Object.defineProperty(window, "onecollect", { value: Object.freeze(facts) });
}

function start() {
	showHeading();
	$("recording").append(...recordingFacts(data.recording), ...sampleFacts(data.ledger), ...costFacts(data.cost));
	connectControls();
	connectGraph();
	connectTable();
	setTheme(matchMedia("(prefers-color-scheme: dark)").matches);
	setTree();
	exposeFacts();
}

start();
})();
