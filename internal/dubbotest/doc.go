// Package dubbotest runs dubbo-go nodes as processes of their own for tests:
// dubbo-go holds one Install and one provider of an interface per process. A
// test binary calls [Main] first in its TestMain; [Start] then starts the same
// binary again as a node, which takes commands on its standard input.
package dubbotest
