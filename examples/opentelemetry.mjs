// OpenTelemetry spans for attaches, resets and detaches, from the package's diagnostics channels. This program prints
// them; a service replaces ConsoleSpanExporter by its own exporter.
//
//   npm install @opentelemetry/api @opentelemetry/sdk-trace-base
//   node examples/opentelemetry.mjs 'trtype:TCP adrfam:IPv4 traddr:192.0.2.1 trsvcid:4420 subnqn:nqn...'

import { subscribe } from 'node:diagnostics_channel';
import { SpanStatusCode } from '@opentelemetry/api';
import { BasicTracerProvider, ConsoleSpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { Environment } from 'spdk-nvme';
import { argumentsOf, stopSignal } from './support.mjs';

const [id = ''] = argumentsOf('TRANSPORT-ID');
const spanProcessors = [new SimpleSpanProcessor(new ConsoleSpanExporter())];
const provider = new BasicTracerProvider({ spanProcessors });
const tracer = provider.getTracer('spdk-nvme');

/** A span that ends now and has taken this long. @param {number} ms @param {unknown} [error] */
function record(/** @type {string} */ name, /** @type {string | undefined} */ subsystem, ms, error) {
  const attributes = { 'nvme.subsystem': subsystem ?? '' };
  const span = tracer.startSpan(name, { startTime: Date.now() - ms, attributes });
  if (error instanceof Error) {
    span.recordException(error);
    span.setStatus({ code: SpanStatusCode.ERROR, message: error.message });
  }
  span.end();
}

subscribe('spdk-nvme:attach', (message) => {
  const { controller, ms } = /** @type {import('spdk-nvme').DiagnosticsMessages['spdk-nvme:attach']} */ (
    message
  );
  record('attach', controller.transportId.subnqn, ms);
});
subscribe('spdk-nvme:attach:error', (message) => {
  const { transportId, error, ms } =
    /** @type {import('spdk-nvme').DiagnosticsMessages['spdk-nvme:attach:error']} */ (message);
  record('attach', transportId.subnqn, ms, error);
});
subscribe('spdk-nvme:detach', (message) => {
  const { controller, report } = /** @type {import('spdk-nvme').DiagnosticsMessages['spdk-nvme:detach']} */ (
    message
  );
  record('detach', controller.transportId.subnqn, report.totalMs);
});

const env = await Environment.init();
try {
  const { namespaces } = await env.attach(id, { signal: stopSignal() });
  await namespaces[0]?.read(Buffer.alloc(namespaces[0].blockSize), { offset: 0 });
} finally {
  await env.close();
  await provider.shutdown();
}
