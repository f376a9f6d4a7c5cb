// OpenTelemetry spans for attaches, resets and detaches, from the package's TracingChannels. This program prints
// them; a service replaces ConsoleSpanExporter by its own exporter.
//
//   npm install @opentelemetry/api @opentelemetry/sdk-trace-base
//   node examples/opentelemetry.mjs 'trtype:TCP adrfam:IPv4 traddr:192.0.2.1 trsvcid:4420 subnqn:nqn...'

import { tracingChannel } from 'node:diagnostics_channel';
import { SpanStatusCode } from '@opentelemetry/api';
import { BasicTracerProvider, ConsoleSpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { Environment } from 'spdk-nvme';
import { argumentsOf, stopSignal } from './support.mjs';

const [id = ''] = argumentsOf('TRANSPORT-ID');
const spanProcessors = [new SimpleSpanProcessor(new ConsoleSpanExporter())];
const provider = new BasicTracerProvider({ spanProcessors });
const tracer = provider.getTracer('spdk-nvme');

/** @type {WeakMap<object, import('@opentelemetry/api').Span>} */
const spans = new WeakMap();
/** The messages of a call: one object, which all of its events get. @typedef {import('spdk-nvme').TracingMessages} Calls */

for (const name of ['attach', 'reset', 'detach']) {
  tracingChannel(`spdk-nvme:${name}`).subscribe({
    start(call) {
      const { transportId, controller } =
        /** @type {Partial<Calls['spdk-nvme:attach'] & Calls['spdk-nvme:detach']>} */ (call);
      const { subnqn = '' } = transportId ?? controller?.transportId ?? {};
      spans.set(call, tracer.startSpan(name, { attributes: { 'nvme.subsystem': subnqn } }));
    },
    error(call) {
      const { error } = /** @type {{ error: Error }} */ (call);
      spans.get(call)?.recordException(error);
      spans.get(call)?.setStatus({ code: SpanStatusCode.ERROR, message: error.message });
    },
    end() {},
    asyncStart() {},
    asyncEnd(call) {
      spans.get(call)?.end();
    },
  });
}

const env = await Environment.init();
try {
  const controller = await env.attach(id, { signal: stopSignal() });
  const { namespaces } = controller;
  await namespaces[0]?.read(Buffer.alloc(namespaces[0].blockSize), { offset: 0 });
  // Only for its span: a controller that works needs none.
  await controller.reset();
} finally {
  await env.close();
  await provider.shutdown();
}
