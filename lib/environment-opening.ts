// The start of an environment: SPDK is started in the background, within a time limit.

import type { Controller } from './controller.js';
import type { LogRelay } from './diagnostics/log.js';
import { endingMs } from './environment-closing.js';
import { codedError, SpdkError } from './errors/spdk-error.js';
import { PendingCall } from './internal/pending-call.js';
import { ignoringErrors, native, unexplained } from './native/addon.js';
import type { NativeEnvironment } from './native/contract.js';
import { type EnvironmentRequest, logLevels } from './options/environment.js';

/** The time limit for the start of DPDK, which clears all of its hugepages. */
const openLimitMs = 120_000;

/**
 * @param log gets SPDK's lines from the start on
 * @param make creates the environment that the caller gets
 * @throws {SpdkError} the codes of `Environment.init`
 */
export function openEnvironment<Opened>(
  { wanted: resolved, given }: EnvironmentRequest,
  log: LogRelay<Controller>,
  make: (opened: NativeEnvironment) => Opened,
): Promise<Opened> {
  const addon = native();
  const limits = {
    what: 'Starting SPDK',
    timeoutMs: openLimitMs,
    timeoutCode: 'ERR_SPDK_ENV_INIT_FAILED',
    timeoutHint: 'DPDK has not returned; end this process.',
  } as const;
  return PendingCall.start<Opened>(limits, (call) => {
    addon.open({
      name: resolved.name,
      memoryMb: resolved.memoryMb,
      memoryRequired: given.includes('memoryMb'),
      pollers: resolved.pollers,
      alwaysSpin: resolved.idle === 'spin',
      idleSleepUs: resolved.idleSleepUs,
      connectConcurrency: resolved.connectConcurrency,
      logLevel: logLevels.indexOf(resolved.logLevel),
      onLog: (line) => log.pass(line),
      opened: (failure, opened) => {
        if (failure || !opened) call.reject(SpdkError.fromNative(failure ?? unexplained));
        else handOver(call, opened, make);
      },
    });
  }).promise;
}

function handOver<Opened>(
  call: PendingCall<Opened>,
  opened: NativeEnvironment,
  make: (opened: NativeEnvironment) => Opened,
): void {
  try {
    if (!call.settled) {
      call.resolve(make(opened));
      return;
    }
  } catch (error) {
    call.reject(codedError('SPDK could not be used', error));
  }
  // No caller gets this environment, so it is closed here.
  ignoringErrors(() => opened.close({ timeoutMs: endingMs(openLimitMs), closed: () => {} }));
}
