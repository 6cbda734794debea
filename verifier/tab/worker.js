// Runs the program in a thread of its own. It sees the files that were chosen, its output comes as messages, and there is
// nothing else: what a system would offer beyond that (WASI, preview 1) is answered with "not there".
const NOT_THERE = 52, BAD_FILE = 8, NO_ENTRY = 44, DONE = 0;
const DIRECTORY = 3, REGULAR = 4, CHARACTERS = 2;
const ROOT = 3; // the number of the folder that holds the files
const PIECE = 8 << 20; // most bytes that are taken from a file at once

class Exit extends Error {}

/** What the program may call, for files by name, its arguments, and somebody who hears its lines. */
function system(files, args, hear) {
  const reader = new FileReaderSync();
  const open = new Map(); // by number: { file, at }
  const heard = { 1: "", 2: "" };
  const decoder = new TextDecoder();
  const strings = args.map((text) => new TextEncoder().encode(`${text}\0`));
  let memory;
  const view = () => new DataView(memory.buffer);
  const bytes = (at, length) => new Uint8Array(memory.buffer, at, length);
  const pieces = (at, count) => Array.from({ length: count }, (_, i) => [view().getUint32(at + 8 * i, true), view().getUint32(at + 8 * i + 4, true)]);

  const calls = {
    args_sizes_get(count, size) {
      view().setUint32(count, strings.length, true);
      view().setUint32(size, strings.reduce((sum, text) => sum + text.length, 0), true);
      return DONE;
    },
    args_get(places, at) {
      strings.forEach((text, i) => {
        view().setUint32(places + 4 * i, at, true);
        bytes(at, text.length).set(text);
        at += text.length;
      });
      return DONE;
    },
    environ_sizes_get(count, size) {
      view().setUint32(count, 0, true);
      view().setUint32(size, 0, true);
      return DONE;
    },
    environ_get: () => DONE,
    clock_time_get(_clock, _precision, at) {
      view().setBigUint64(at, BigInt(Math.round(performance.now() * 1e6)), true);
      return DONE;
    },
    random_get(at, length) {
      for (let done = 0; done < length; done += 65536) crypto.getRandomValues(bytes(at + done, Math.min(65536, length - done)));
      return DONE;
    },
    sched_yield: () => DONE,
    proc_exit(status) {
      throw new Exit(String(status));
    },
    fd_prestat_get(number, at) {
      if (number !== ROOT) return BAD_FILE;
      view().setUint32(at, 0, true);
      view().setUint32(at + 4, 1, true);
      return DONE;
    },
    fd_prestat_dir_name(_number, at) {
      bytes(at, 1)[0] = 47;
      return DONE;
    },
    fd_fdstat_get(number, at) {
      bytes(at, 24).fill(0);
      view().setUint8(at, number < ROOT ? CHARACTERS : number === ROOT ? DIRECTORY : REGULAR);
      view().setBigUint64(at + 8, 0xffffffffffffffffn, true);
      view().setBigUint64(at + 16, 0xffffffffffffffffn, true);
      return DONE;
    },
    fd_filestat_get(number, at) {
      const place = open.get(number);
      if (!place) return BAD_FILE;
      bytes(at, 64).fill(0);
      view().setUint8(at + 16, REGULAR);
      view().setBigUint64(at + 32, BigInt(place.file.size), true);
      return DONE;
    },
    path_open(_folder, _follow, path, length, _how, _rights, _inherited, _flags, at) {
      const file = files[decoder.decode(bytes(path, length).slice())];
      if (!file) return NO_ENTRY;
      const number = ROOT + 1 + open.size;
      open.set(number, { file, at: 0 });
      view().setUint32(at, number, true);
      return DONE;
    },
    fd_seek(number, offset, from, at) {
      const place = open.get(number);
      if (!place) return BAD_FILE;
      place.at = Number(offset) + [0, place.at, place.file.size][from];
      view().setBigUint64(at, BigInt(place.at), true);
      return DONE;
    },
    fd_read(number, list, count, at) {
      const place = open.get(number);
      if (!place) return BAD_FILE;
      let read = 0;
      for (const [start, length] of pieces(list, count)) {
        const part = place.file.slice(place.at, place.at + Math.min(length, PIECE));
        bytes(start, part.size).set(new Uint8Array(reader.readAsArrayBuffer(part)));
        place.at += part.size;
        read += part.size;
        if (part.size < length) break;
      }
      view().setUint32(at, read, true);
      return DONE;
    },
    fd_write(number, list, count, at) {
      if (!(number in heard)) return BAD_FILE;
      let written = 0;
      for (const [start, length] of pieces(list, count)) {
        heard[number] += decoder.decode(bytes(start, length).slice(), { stream: true });
        written += length;
      }
      const lines = heard[number].split("\n");
      heard[number] = lines.pop();
      lines.forEach((line) => hear(number, line));
      view().setUint32(at, written, true);
      return DONE;
    },
    fd_close: () => DONE,
  };
  return { calls, begin: (instance) => (memory = instance.exports.memory) };
}

onmessage = async ({ data: { program, model, receipts } }) => {
  const files = { "model.gguf": model };
  receipts.forEach((receipt, i) => (files[`${i}.json`] = receipt));
  const args = ["hefu-check", "verify", "/model.gguf", ...receipts.map((_, i) => `/${i}.json`)];
  let last = "";
  try {
    const module = await WebAssembly.compile(program);
    const { calls, begin } = system(files, args, (number, line) => {
      if (number === 1) postMessage(JSON.parse(line));
      else last = line;
    });
    const imports = {};
    for (const { module: from, name } of WebAssembly.Module.imports(module)) {
      (imports[from] ??= {})[name] = calls[name] ?? (() => NOT_THERE);
    }
    const instance = await WebAssembly.instantiate(module, imports);
    begin(instance);
    instance.exports._start();
  } catch (error) {
    if (!(error instanceof Exit)) last = `${error.message}. ${last}`;
  }
  postMessage({ ended: true, sentence: last });
};
