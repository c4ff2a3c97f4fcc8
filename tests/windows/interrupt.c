/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Starts a program in a console of its own, sends it Ctrl-Break after some time, and ends with its exit code.
 * usage: interrupt MILLISECONDS "COMMAND LINE"
 */
#include <stdio.h>
#include <stdlib.h>
#include <windows.h>

#define LIMIT_MS  60000
#define NO_RESULT 99

int main(int argc, char **argv)
{
	STARTUPINFOA startup = { .cb = sizeof(startup) };
	PROCESS_INFORMATION child;
	DWORD exit_code = NO_RESULT;

	if (argc != 3)
		return NO_RESULT;
	FreeConsole();
	AllocConsole();
	if (!CreateProcessA(NULL, argv[2], NULL, NULL, TRUE, CREATE_NEW_PROCESS_GROUP, NULL, NULL,
			    &startup, &child))
		return NO_RESULT;
	Sleep((DWORD)strtoul(argv[1], NULL, 10));
	if (!GenerateConsoleCtrlEvent(CTRL_BREAK_EVENT, child.dwProcessId))
		printf("no event: %lu\n", GetLastError());
	if (WaitForSingleObject(child.hProcess, LIMIT_MS))
		TerminateProcess(child.hProcess, NO_RESULT);
	WaitForSingleObject(child.hProcess, LIMIT_MS);
	GetExitCodeProcess(child.hProcess, &exit_code);
	return (int)exit_code;
}
