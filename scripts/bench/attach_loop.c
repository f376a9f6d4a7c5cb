/*
 * The yardstick for attach and detach: what a program written straight against SPDK does, with the options that the
 * package passes (native/spdk/env.cc, connect.cc and queue_pair_list.cc), so that both do the same work on the wire.
 *
 *   attach_loop TRANSPORT_ID HOST_NQN HOST_ID QUEUE_DEPTH KEEP_ALIVE_MS MEMORY_MB
 *
 * Prints {"spdk":"..."} once SPDK is up. Then each line "IO_QUEUES CYCLES" on standard input gets one line
 * of JSON for each cycle. It ends at the end of its input, and waits for input without using the processor.
 */
#include <spdk/env.h>
#include <spdk/nvme.h>
#include <spdk/version.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RELEASE (SPDK_VERSION_MAJOR * 100 + SPDK_VERSION_MINOR)
#define MAX_IO_QUEUES 64

struct plan {
	struct spdk_nvme_transport_id transport_id;
	const char *host_nqn;
	uint8_t host_id[16];
	uint32_t queue_depth;
	uint32_t keep_alive_ms;
};

static int64_t
now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static int
start_spdk(int memory_mb)
{
	static char in_memory[] = "--in-memory";
	struct spdk_env_opts options = {0};

#if RELEASE >= 2409
	options.opts_size = sizeof(options);
#endif
	spdk_env_opts_init(&options);
	options.name = "attach_loop";
	options.shm_id = -1;
	options.mem_size = memory_mb;
	options.no_pci = true;
	options.env_context = in_memory;
	return spdk_env_init(&options);
}

static struct spdk_nvme_ctrlr *
connect_controller(const struct plan *plan, uint32_t io_queues)
{
	struct spdk_nvme_ctrlr_opts options;

	spdk_nvme_ctrlr_get_default_ctrlr_opts(&options, sizeof(options));
	options.num_io_queues = io_queues;
	options.io_queue_size = plan->queue_depth;
	options.keep_alive_timeout_ms = plan->keep_alive_ms;
	snprintf(options.hostnqn, sizeof(options.hostnqn), "%s", plan->host_nqn);
	memcpy(options.extended_host_id, plan->host_id, sizeof(options.extended_host_id));
	return spdk_nvme_connect(&plan->transport_id, &options, sizeof(options));
}

static struct spdk_nvme_qpair *
connect_queue_pair(const struct plan *plan, struct spdk_nvme_ctrlr *controller)
{
	struct spdk_nvme_io_qpair_opts options;

	spdk_nvme_ctrlr_get_default_io_qpair_opts(controller, &options, sizeof(options));
#if RELEASE >= 2505
	options.opts_size = sizeof(options);
#endif
	options.io_queue_size = plan->queue_depth;
	options.io_queue_requests = plan->queue_depth * 2;
	return spdk_nvme_ctrlr_alloc_io_qpair(controller, &options, sizeof(options));
}

static int
cycle(const struct plan *plan, uint32_t io_queues)
{
	struct spdk_nvme_qpair *queue_pairs[MAX_IO_QUEUES];
	const int64_t begun = now_ns();
	struct spdk_nvme_ctrlr *controller = connect_controller(plan, io_queues);

	if (controller == NULL) {
		return -1;
	}

	const int64_t initialised = now_ns();
	uint32_t connected = 0;
	while (connected < io_queues && (queue_pairs[connected] = connect_queue_pair(plan, controller)) != NULL) {
		connected++;
	}

	const int64_t attached = now_ns();
	for (uint32_t i = 0; i < connected; i++) {
		spdk_nvme_ctrlr_free_io_qpair(queue_pairs[i]);
	}

	const int64_t freed = now_ns();
	spdk_nvme_detach(controller);

	const int64_t detached = now_ns();
	if (connected < io_queues) {
		return -1;
	}
	printf("{\"controllerNs\":%lld,\"queuePairsNs\":%lld,\"lingerNs\":%lld,\"destroyNs\":%lld}\n",
	       (long long)(initialised - begun), (long long)(attached - initialised), (long long)(freed - attached),
	       (long long)(detached - freed));
	return 0;
}

/** 32 hexadecimal digits, which may be grouped as those of a UUID are. */
static int
parse_host_id(const char *text, uint8_t (*host_id)[16])
{
	for (size_t i = 0; i < sizeof(*host_id); i++) {
		unsigned byte;

		text += *text == '-';
		if (sscanf(text, "%2x", &byte) != 1) {
			return -1;
		}
		(*host_id)[i] = (uint8_t)byte;
		text += 2;
	}
	return *text == '\0' ? 0 : -1;
}

int
main(int count, char **words)
{
	struct plan plan = {0};
	uint32_t io_queues, cycles;

	if (count != 7) {
		fprintf(stderr, "usage: %s TRANSPORT_ID HOST_NQN HOST_ID QUEUE_DEPTH KEEP_ALIVE_MS MEMORY_MB\n", words[0]);
		return 2;
	}
	plan.host_nqn = words[2];
	plan.queue_depth = (uint32_t)atoi(words[4]);
	plan.keep_alive_ms = (uint32_t)atoi(words[5]);
	if (spdk_nvme_transport_id_parse(&plan.transport_id, words[1]) != 0 || parse_host_id(words[3], &plan.host_id) != 0) {
		fprintf(stderr, "attach_loop: SPDK does not accept %s, or %s is no host id\n", words[1], words[3]);
		return 2;
	}
	if (start_spdk(atoi(words[6])) != 0) {
		fprintf(stderr, "attach_loop: SPDK does not start\n");
		return 1;
	}
	printf("{\"spdk\":\"%s\"}\n", SPDK_VERSION_STRING);
	fflush(stdout);

	while (scanf("%u %u", &io_queues, &cycles) == 2) {
		if (io_queues == 0 || io_queues > MAX_IO_QUEUES) {
			fprintf(stderr, "attach_loop: 1 to %d I/O queues\n", MAX_IO_QUEUES);
			return 2;
		}
		for (uint32_t i = 0; i < cycles; i++) {
			if (cycle(&plan, io_queues) != 0) {
				printf("{\"failed\":true}\n");
			}
			fflush(stdout);
		}
	}
	return 0;
}
