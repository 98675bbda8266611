// Package converge measures how long it takes from the publish of a rule until
// every process follows it: readers, which link nothing but the SDK and its Nacos
// source, and dubbo-go callers, whose calls must all go to the new colour. It
// runs against any server that speaks the protocol of Nacos.
//
// Readers are processes of their own (command reader): nacos-sdk-go limits, per
// process, how often a document is read, so that fifty clients in one process
// would wait for each other, which fifty processes do not.
package converge
