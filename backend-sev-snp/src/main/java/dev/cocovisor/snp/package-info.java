/** AMD SEV-SNP as a backend. */
@org.jspecify.annotations.NullMarked
package dev.cocovisor.snp;
