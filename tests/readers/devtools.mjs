// SPDX-License-Identifier: BSD-2-Clause
// What Chrome's DevTools make of V8 CPU profiles, as JSON: for each the time in nanoseconds by function, without callees.
// usage: node devtools.mjs READERS FILE...   (READERS: folder of scripts/install-readers)
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

const [readers, ...files] = process.argv.slice(2);
const model = path.resolve(readers, "node_modules/@paulirish/trace_engine/models/cpu_profile/CPUProfileDataModel.js");
const { CPUProfileDataModel } = await import(pathToFileURL(model).href);

const results = [];
for (const file of files) {
	const { profileHead, totalHitCount } = new CPUProfileDataModel(JSON.parse(fs.readFileSync(file, "utf8")));
	const self = {};
	const pending = totalHitCount ? [profileHead] : []; // times are shares of the hits
	while (pending.length) {
		const node = pending.pop();
		self[node.functionName] = (self[node.functionName] ?? 0) + node.self * 1e6;
		pending.push(...node.children);
	}
	results.push(self);
}
console.log(JSON.stringify(results));
