// The shipped ONNX models, run by ONNX Runtime Web. RUNTIME and SHIPPED are written by the build of the site.
"use strict";

/** Bytes of a text in base64. */
function bytesOf(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

/** Unpack bytes of gzip. */
async function unzipped(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}

/**
 * Start the runtime. Its module and its WebAssembly stand in a script and not in files of their own, so that the page
 * works where it is opened from a disk, too.
 */
async function startRuntime() {
  const module = new Blob([RUNTIME.module], { type: "text/javascript" });
  const runtime = await import(URL.createObjectURL(module));
  runtime.env.wasm.numThreads = 1; // a few jets: threads would cost more than they bring
  runtime.env.wasm.wasmBinary = await unzipped(bytesOf(RUNTIME.wasm));
  return runtime;
}

/** An encoder and a decoder: rows of 4 float32 [MeV, MeV, 1, rad] to rows of 3 and back. */
class Model {
  constructor(runtime, encoder, decoder) {
    Object.assign(this, { runtime, encoder, decoder });
  }

  static async open(runtime, name) {
    const open = (part) => runtime.InferenceSession.create(bytesOf(SHIPPED.models[name][part]));
    return new Model(runtime, await open("encoder"), await open("decoder"));
  }

  encode(jets) {
    return this.#run(this.encoder, "jets", "latent", jets, 4, 3);
  }

  decode(latent) {
    return this.#run(this.decoder, "latent", "jets", latent, 3, 4);
  }

  async #run(session, input, output, rows, width, nOut) {
    const values = Float32Array.from(rows.flat());
    const tensor = new this.runtime.Tensor("float32", values, [rows.length, width]);
    const { data } = (await session.run({ [input]: tensor }))[output];
    return rows.map((_, k) => Array.from(data.subarray(k * nOut, (k + 1) * nOut)));
  }
}
