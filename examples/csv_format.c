/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An output format of one's own, with nothing but the public headers: every function with its samples, as CSV.
 *
 *     cc csv_format.c $(pkg-config --cflags --libs onecollect) -o csv_format
 *     ./csv_format busy.octrace busy.csv
 */
#include <onecollect/format.h>
#include <onecollect/graph.h>
#include <onecollect/reader.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A name in quotes, with quotes inside doubled (RFC 4180). Names in a machine hold no control characters. */
static int put_name(struct oc_output *out, const char *name)
{
	int rc = oc_output_write(out, "\"", 1);

	while (!rc && *name) {
		size_t len = strcspn(name, "\"");

		rc = oc_output_write(out, name, len);
		if (!rc && name[len])
			rc = oc_output_write(out, "\"\"", 2);
		name += len + (name[len] == '"');
	}
	return rc ? rc : oc_output_write(out, "\"", 1);
}

static int put_row(struct oc_output *out, const struct oc_graph *graph,
		   const struct oc_graph_function *function)
{
	char numbers[64];
	int len = snprintf(numbers, sizeof(numbers), ",%llu,%llu\r\n",
			   (unsigned long long)function->self, (unsigned long long)function->total);
	int rc = put_name(out, oc_graph_name(graph, function->name, NULL));

	return rc ? rc : oc_output_write(out, numbers, (size_t)len);
}

static int write_csv(const struct oc_machine *m, struct oc_output *out, struct oc_error *err)
{
	static const char header[] = "function,self,total\r\n";
	const struct oc_graph_function *functions;
	struct oc_graph *graph;
	uint32_t nr = 0;
	int rc = oc_graph_new(m, NULL, &graph);

	(void)err; /* the errors of oc_output come with their own sentence */
	if (rc)
		return rc;
	functions = oc_graph_functions(graph, &nr);
	rc = oc_output_write(out, header, sizeof(header) - 1);
	for (uint32_t i = 0; i < nr && !rc; i++)
		rc = put_row(out, graph, &functions[i]);
	oc_graph_free(graph);
	return rc;
}

static const char *const extensions[] = { ".csv", NULL };

static const struct oc_format csv = {
	.name = "functions-csv",
	.description = "every function with its samples, one a line",
	.extensions = extensions,
	.write = write_csv,
};

static int convert(const char *from, const char *to, struct oc_error *err)
{
	struct oc_machine *m = oc_machine_new(NULL);
	int rc = m ? oc_read_file(from, m, NULL, err) : -ENOMEM;

	if (!rc)
		rc = oc_machine_finish(m);
	/* All or nothing: a temporary file that gets its name when it is whole. */
	if (!rc)
		rc = oc_format_write_file(&csv, m, to, true, NULL, err);
	oc_machine_free(m);
	return rc;
}

int main(int argc, char **argv)
{
	struct oc_error err = { 0 };
	int rc;

	if (argc != 3) {
		fprintf(stderr, "usage: csv_format RECORDING OUT.csv\n");
		return 2;
	}
	rc = convert(argv[1], argv[2], &err);
	if (rc)
		fprintf(stderr, "csv_format: %s\n", *err.message ? err.message : strerror(-rc));
	return rc ? 1 : 0;
}
