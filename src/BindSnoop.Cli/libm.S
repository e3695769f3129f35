/*
 * What is linked against glibc 2.29 or later needs that version for these alone, as they got new versions
 * there that leave out the error handling of System V. The older ones compute the same, so with them 2.28 will do.
 */
#if defined __x86_64__
#define OLDEST GLIBC_2.2.5
#define JUMP(function) jmp function@PLT
#elif defined __aarch64__
#define OLDEST GLIBC_2.17
#define JUMP(function) b function
#endif

#define VERSIONED(name, version) VERSIONED_(name, version)
#define VERSIONED_(name, version) .symver old_##name, name@version

#define WITH_OLDEST(name) \
	VERSIONED(name, OLDEST); \
	.globl __wrap_##name; \
	.type __wrap_##name, %function; \
	__wrap_##name: JUMP(old_##name); \
	.size __wrap_##name, . - __wrap_##name

	.text
	WITH_OLDEST(exp)
	WITH_OLDEST(log)
	WITH_OLDEST(log2)
	WITH_OLDEST(pow)

	.section .note.GNU-stack, "", %progbits
