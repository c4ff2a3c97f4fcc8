// SPDX-License-Identifier: BSD-2-Clause
// What speedscope's own importer makes of a file, as JSON: profiles with unit, total weight and self weight by name.
// usage: node speedscope.mjs READERS FILE...   (READERS: folder of scripts/install-readers)
// The application is one bundle for browsers. Its importer is a module in it that nothing needs a page for, so the
// bundle runs here without one, and the place where it loads that module also hands it over.
import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import vm from "node:vm";

const [readers, ...files] = process.argv.slice(2);
const Ajv = createRequire(path.resolve(readers, "x.js"))("ajv");
const release = path.join(readers, "node_modules/speedscope/dist/release");
const bundle = fs.readdirSync(release).find((name) => /^speedscope-.*\.js$/.test(name));
const source = fs.readFileSync(path.join(release, bundle), "utf8");
const load = /(\w+)=(Promise\.resolve\(\)\.then\(\(\)=>\(\w+\(\),\w+\)\));\1\.then\(\(\)=>\{\}\)/;
if (!load.test(source)) throw new Error("this version of speedscope loads its importer in another way");

let importer;
globalThis.onSpeedscopeImporter = (module) => { importer = module; };
Object.assign(globalThis, {
	self: globalThis,
	window: globalThis,
	location: { hash: "", protocol: "file:" },
	localStorage: {},
	matchMedia: () => ({ matches: false, addEventListener() {}, addListener() {} }),
	addEventListener() {},
	document: { body: null },
});
try {
	vm.runInThisContext(source.replace(load, "$1=$2;$1.then(onSpeedscopeImporter)"), { filename: bundle });
} catch (error) {
	process.stderr.write(`speedscope without a page: ${error.message}\n`); // drawing fails, the importer is there already
}
await new Promise((resolve) => setTimeout(resolve, 0));
if (!importer) throw new Error("speedscope's importer was not loaded");

const schema = JSON.parse(fs.readFileSync(path.join(release, "file-format-schema.json"), "utf8"));
const validate = new Ajv({ strict: false, allErrors: true }).compile(schema);
const results = [];
for (const file of files) {
	const text = fs.readFileSync(file, "utf8");
	const result = { schema: null, profiles: [] };
	if (file.endsWith(".speedscope.json")) {
		validate(JSON.parse(text));
		result.schema = (validate.errors ?? []).map((error) => `${error.instancePath} ${error.message}`);
	}
	const group = await importer.importProfileGroupFromText(path.basename(file), text);
	for (const profile of group?.profiles ?? []) {
		const self = {};
		profile.forEachFrame((frame) => {
			self[frame.name] = (self[frame.name] ?? 0) + frame.getSelfWeight();
		});
		result.profiles.push({
			name: profile.getName(),
			unit: profile.getWeightUnit(),
			total: profile.getTotalNonIdleWeight(),
			axis: profile.getTotalWeight(),
			self,
		});
	}
	results.push(result);
}
console.log(JSON.stringify(results));
